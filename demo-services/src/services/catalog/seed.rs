//! The two hundred products of the shop: eight categories of five things in five materials.

use rusqlite::{Transaction, params};

const CATEGORIES: [(&str, [&str; 5]); 8] = [
    (
        "lamps",
        [
            "Reading Lamp",
            "Floor Lamp",
            "Pendant Lamp",
            "Bedside Lamp",
            "Lantern",
        ],
    ),
    (
        "kitchen",
        [
            "Teapot",
            "Mixing Bowl",
            "Pepper Mill",
            "Bread Bin",
            "Egg Cup",
        ],
    ),
    (
        "desk",
        [
            "Pen Holder",
            "Letter Tray",
            "Bookend",
            "Ruler",
            "Paperweight",
        ],
    ),
    (
        "garden",
        [
            "Watering Can",
            "Plant Pot",
            "Bird Feeder",
            "Bench",
            "Trellis",
        ],
    ),
    (
        "bath",
        ["Soap Dish", "Towel Rail", "Mirror", "Stool", "Bath Tray"],
    ),
    (
        "toys",
        [
            "Spinning Top",
            "Train Set",
            "Domino Set",
            "Kite Reel",
            "Building Blocks",
        ],
    ),
    (
        "music",
        [
            "Music Stand",
            "Metronome",
            "Wind Chime",
            "Kalimba",
            "Tuning Fork Box",
        ],
    ),
    (
        "travel",
        [
            "Luggage Tag",
            "Flask",
            "Lunch Box",
            "Walking Stick",
            "Compass Case",
        ],
    ),
];

const MATERIALS: [(&str, &str); 5] = [
    ("Oak", "Made of oiled oak, warm to the touch"),
    ("Brass", "Made of brushed brass that darkens with the years"),
    ("Copper", "Made of hand-beaten copper"),
    ("Slate", "Made of Welsh slate, no two alike"),
    ("Walnut", "Made of walnut from a single tree"),
];

/// Fills the catalog; SKU-0001 to SKU-0200, always the same.
pub(super) fn products(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(
        "INSERT INTO products (sku, name, category, description, price_cents) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let things = CATEGORIES.iter().flat_map(|(category, things)| {
        things
            .iter()
            .flat_map(move |thing| MATERIALS.iter().map(move |made| (category, thing, made)))
    });
    for (number, (category, thing, (material, description))) in (1_i64..).zip(things) {
        // Spread between 4.95 and 158.95, without any order that the eye would find.
        let price_cents = 495 + (number * 7_919 % 155) * 100;
        insert.execute(params![
            format!("SKU-{number:04}"),
            format!("{material} {thing}"),
            category,
            format!("{description}. From our {category} collection."),
            price_cents
        ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn the_catalog_is_the_same_every_time() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(super::super::SCHEMA).unwrap();
        let transaction = connection.transaction().unwrap();
        products(&transaction).unwrap();

        let text = |sql: &str| {
            transaction
                .query_one(sql, [], |row| row.get::<_, String>(0))
                .unwrap()
        };
        assert_eq!(
            text("SELECT count(*) || ' ' || count(DISTINCT name) FROM products"),
            "200 200"
        );
        assert_eq!(
            text("SELECT name || ' ' || price_cents FROM products WHERE sku = 'SKU-0001'"),
            "Oak Reading Lamp 1895"
        );
        assert_eq!(
            text("SELECT name FROM products WHERE sku = 'SKU-0200'"),
            "Walnut Compass Case"
        );
    }
}
