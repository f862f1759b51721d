//! Exports that a running server writes.

use std::io::{self, Write};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use serde_json::Value;
use storage::export::ExportFile;

use super::{ExportArgs, Part, Target};
use crate::client::parse_base;

/// Largest answer that says why there is no file.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Where a server serves its API: the base of its addresses.
#[derive(Debug, Clone)]
pub(super) struct Server {
    base: String,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base = parse_base(text)?;
        Ok(Self { base })
    }
}

impl Server {
    /// Writes one file; returns its bytes.
    pub(super) async fn download(&self, args: &ExportArgs, part: &Part) -> Result<u64> {
        let uri: Uri = self.uri(args, part).parse()?;
        let failed = || format!("cannot export from {}", self.base);
        let client = args.tls.client::<Empty<Bytes>>(&uri)?;
        let response = client.get(uri).await.with_context(failed)?;
        let (head, mut body) = response.into_parts();
        if head.status != StatusCode::OK {
            let body = Limited::new(body, ERROR_BYTES_MAX).collect().await;
            let body = body
                .map_err(|error| anyhow::anyhow!(error))
                .with_context(failed)?;
            let answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            bail!("{} answers {}: {message}", self.base, head.status);
        }
        let mut file = match &part.target {
            Target::Stdout => None,
            Target::File(path) => Some(ExportFile::create(path)?),
        };
        let mut size_bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.with_context(|| format!("{} broke off; its log says why", self.base))?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            size_bytes += bytes.len() as u64;
            match &mut file {
                Some(file) => file.write_all(&bytes)?,
                None => io::stdout().write_all(&bytes)?,
            }
        }
        match file {
            Some(file) => file.publish()?,
            None => io::stdout().flush()?,
        }
        Ok(size_bytes)
    }

    fn uri(&self, args: &ExportArgs, part: &Part) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("signal", part.signal.as_str());
        query.append_pair("format", args.format.as_str());
        for (name, moment) in [("start", args.start), ("end", args.end)] {
            if let Some(moment) = moment {
                query.append_pair(name, &moment.0.to_string());
            }
        }
        if !args.query.is_empty() {
            query.append_pair("q", &args.query);
        }
        format!("{}/api/v1/export?{}", self.base, query.finish())
    }
}
