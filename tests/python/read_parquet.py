"""Reads Parquet files as a user would: with DuckDB and with pyarrow.

Usage: read_parquet.py DIR

DIR has `traces.parquet` and `logs.parquet` of `spandrel export`, and a data directory `data` with splits.
Prints what was found as one line of JSON.
"""

import glob
import json
import sys

import duckdb
import pyarrow.parquet as parquet

root = sys.argv[1]
traces, logs = f"{root}/traces.parquet", f"{root}/logs.parquet"
database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")


def rows(query):
    return [list(row) for row in database.execute(query).fetchall()]


found = {
    "services": rows(f"SELECT service_name, count(*) FROM '{traces}' GROUP BY ALL ORDER BY ALL"),
    "span": rows(
        f"""SELECT trace_id, span_id, parent_span_id, name, kind, epoch_ns(start_time), duration_nano,
                   attributes['shop.card'], attributes['shop.items'], attribute_types,
                   events[1].name, resource_attributes['service.name'], scope_name, status_code
            FROM '{traces}' WHERE name = 'charge'"""
    ),
    "repeated": rows(f"SELECT name, attributes_otlp FROM '{traces}' WHERE attributes_otlp IS NOT NULL"),
    "bodies": rows(f"SELECT severity_text, body FROM '{logs}' ORDER BY time"),
    "joined": rows(
        f"""SELECT log.body, span.name FROM '{logs}' log
            JOIN '{traces}' span USING (trace_id, span_id) ORDER BY log.time"""
    ),
}

table = parquet.read_table(traces)
found["arrow_services"] = sorted(table.column("service_name").to_pylist())
found["arrow_start_type"] = str(table.schema.field("start_time").type)
starts = table.column("start_time").cast("int64").to_pylist()
found["arrow_starts"] = sorted(starts)

# The files of splits, by the queries of docs/formats/split.md.
split = []
for path in sorted(glob.glob(f"{root}/data/splits/*/rows.parquet")):
    names = parquet.read_schema(path).names
    if "start_time" not in names:
        found["split_log_columns"] = names
        continue
    file = f"read_parquet('{path}', file_row_number = true)"
    split += rows(
        f"""SELECT lower(hex(child.trace_id)), lower(hex(child.span_id)),
                   lower(hex(coalesce(parent.span_id, child.parent_span_id))),
                   child.name, child.kind, epoch_ns(child.start_time), child.duration_nano, child.service_name
            FROM {file} child LEFT JOIN {file} parent
                 ON parent.file_row_number = child.file_row_number + child.parent_offset"""
    )
found["split_spans"] = sorted(split, key=lambda row: row[5])
print(json.dumps(found))
