//! Tokens of senders: kept and compared as hashes, each with the name of who holds it.
//!
//! A token is 256 random bits, so a plain SHA-256 of it cannot be turned back and needs no salt.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use rand::TryRngCore as _;
use rand::rand_core::OsError;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::secret::Secret;

const HASH_BYTES: usize = 32;
const TOKEN_BYTES: usize = 32;
/// Lets people and scanners tell what a leaked text is.
const TOKEN_PREFIX: &str = "spdr_";
const NAME_BYTES_MAX: usize = 64;

/// The name of the sender whose token came with a request; the extension of a request that was let in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SenderName(pub Arc<str>);

impl fmt::Display for SenderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request without a token of this server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There is none.
    #[error("this server takes telemetry with a token only: send it as \"{header}: {form}\"")]
    Missing {
        /// The header it belongs in.
        header: HeaderName,
        /// What the value of that header is to look like.
        form: &'static str,
    },
    /// There is one, of another server or revoked.
    #[error("the token in \"{header}\" is none of this server's")]
    Unknown {
        /// The header it came in.
        header: HeaderName,
    },
}

/// Why a list of tokens cannot be used. Never quotes the list: a token may stand where its hash should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// An item is not of the form of one.
    #[error(
        "token {number} is not of the form NAME:sha256:HEX that `spandrel token new NAME` prints"
    )]
    Form {
        /// Which one, or its line, counted from one.
        number: usize,
    },
    /// Nobody could send anything.
    #[error("there is no token in it")]
    None,
}

/// Why no new token can be made.
#[derive(Debug, thiserror::Error)]
pub enum NewTokenError {
    /// Names appear in metrics and answers.
    #[error("a name has 1 to 64 letters, digits, '.', '-' and '_'")]
    Name,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] OsError),
}

struct Entry {
    name: Arc<str>,
    hash: [u8; HASH_BYTES],
}

/// The tokens that are let in.
pub(crate) struct Tokens(Vec<Entry>);

impl Tokens {
    /// Reads a file: one token per line, comments begin with `#`.
    pub(crate) fn from_file(text: &str) -> Result<Self, TokenError> {
        Self::from_items(text.lines().enumerate())
    }

    /// Reads tokens that are given one by one.
    pub(crate) fn from_list(list: &[Secret]) -> Result<Self, TokenError> {
        Self::from_items(list.iter().map(Secret::expose).enumerate())
    }

    fn from_items<'a>(items: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, TokenError> {
        let mut entries = Vec::new();
        for (position, item) in items {
            let item = item.trim();
            if item.is_empty() || item.starts_with('#') {
                continue;
            }
            let number = position + 1;
            entries.push(Entry::parse(item).ok_or(TokenError::Form { number })?);
        }
        if entries.is_empty() {
            return Err(TokenError::None);
        }
        Ok(Self(entries))
    }

    /// The name of a token. Takes as long for a wrong one as for a right one.
    pub(crate) fn name_of(&self, token: &[u8]) -> Option<SenderName> {
        let hash: [u8; HASH_BYTES] = Sha256::digest(token).into();
        let mut found = u64::MAX;
        for (position, entry) in (0_u64..).zip(&self.0) {
            let is_same: Choice = entry.hash.ct_eq(&hash);
            found.conditional_assign(&position, is_same);
        }
        let entry = self.0.get(usize::try_from(found).ok()?)?;
        Some(SenderName(Arc::clone(&entry.name)))
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let (name, hash) = line.split_once(":sha256:")?;
        if !is_name(name) {
            return None;
        }
        let mut bytes = [0; HASH_BYTES];
        hex::decode_to_slice(hash, &mut bytes).ok()?;
        Some(Self {
            name: Arc::from(name),
            hash: bytes,
        })
    }
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// A token that was just made: the one moment at which it can be seen.
pub struct NewToken {
    /// What the sender is given.
    pub token: Secret,
    /// What the server is given.
    pub line: String,
}

impl NewToken {
    /// Makes a token for the sender of this name.
    ///
    /// # Errors
    /// When the name cannot be one, or the system has no random numbers.
    pub fn generate(name: &str) -> Result<Self, NewTokenError> {
        if !is_name(name) {
            return Err(NewTokenError::Name);
        }
        let mut bytes = [0; TOKEN_BYTES];
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(NewTokenError::Random)?;
        let token = format!("{TOKEN_PREFIX}{}", hex::encode(bytes));
        let hash = hex::encode(Sha256::digest(token.as_bytes()));
        Ok(Self {
            token: Secret::new(token),
            line: format!("{name}:sha256:{hash}"),
        })
    }
}

/// Finds the token in the headers of a request.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    header: &HeaderName,
) -> Result<&'a [u8], Unauthenticated> {
    let form = match *header {
        AUTHORIZATION => "Bearer TOKEN",
        _ => "TOKEN",
    };
    let missing = || Unauthenticated::Missing {
        header: header.clone(),
        form,
    };
    let mut values = headers.get_all(header).iter();
    let value = values.next().ok_or_else(missing)?.as_bytes();
    if values.next().is_some() {
        let header = header.clone();
        return Err(Unauthenticated::Unknown { header });
    }
    let token = match value.split_at_checked("bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        _ if *header == AUTHORIZATION => return Err(missing()),
        _ => value,
    };
    match token.trim_ascii() {
        [] => Err(missing()),
        token => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn line(name: &str, token: &str) -> String {
        format!("{name}:sha256:{}", hex::encode(Sha256::digest(token)))
    }

    fn name(tokens: &Tokens, token: &str) -> Option<String> {
        let name = tokens.name_of(token.as_bytes());
        name.map(|name| name.to_string())
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_has_a_name() {
        let file = format!(
            "# senders\n\n  {}\n{}\r\n",
            line("shop", "one"),
            line("edge.eu-1", "two")
        );
        let tokens = Tokens::from_file(&file).unwrap();

        assert_eq!(name(&tokens, "one").as_deref(), Some("shop"));
        assert_eq!(name(&tokens, "two").as_deref(), Some("edge.eu-1"));
        for wrong in ["", "one ", "onetwo", "On", line("shop", "one").as_str()] {
            assert_eq!(name(&tokens, wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn two_tokens_may_have_one_name_so_that_one_can_replace_the_other() {
        let lines = format!("{}\n{}", line("shop", "old"), line("shop", "new"));
        let tokens = Tokens::from_file(&lines).unwrap();

        assert_eq!(name(&tokens, "old"), name(&tokens, "new"));
    }

    #[test]
    fn a_new_token_is_let_in_by_its_line_and_is_never_the_same() {
        let new = NewToken::generate("shop").unwrap();
        let tokens = Tokens::from_file(&new.line).unwrap();

        assert_eq!(new.token.expose().len(), "spdr_".len() + 64);
        assert_eq!(name(&tokens, new.token.expose()).as_deref(), Some("shop"));
        let other = NewToken::generate("shop").unwrap();
        assert!(new.token != other.token);
        for bad in ["", "a b", "a:b", "ü", &"x".repeat(65)] {
            assert!(
                matches!(NewToken::generate(bad), Err(NewTokenError::Name)),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_no_token_is_told_by_its_line_and_not_quoted() {
        let good = line("shop", "one");
        for bad in [
            "hunter2",
            "shop:hunter2",
            "shop:sha256:hunter2",
            "shop:md5:0011",
            "a shop:sha256:00",
            ":sha256:00",
            good.strip_suffix(|_: char| true).unwrap(),
        ] {
            let error = Tokens::from_file(&format!("{good}\n#\n{bad}"))
                .err()
                .unwrap();
            assert_eq!(error, TokenError::Form { number: 3 }, "{bad}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert_eq!(
            Tokens::from_file("# nobody\n").err(),
            Some(TokenError::None)
        );
    }

    #[test]
    fn tokens_are_found_in_their_header_in_any_case_of_the_scheme() {
        let read = |header: &HeaderName, values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header, HeaderValue::from_static(value));
            }
            presented(&headers, header).map(|token| String::from_utf8(token.to_vec()).unwrap())
        };
        let own = HeaderName::from_static("x-api-key");

        for value in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(read(&AUTHORIZATION, &[value]).unwrap(), "abc");
            assert_eq!(read(&own, &[value]).unwrap(), "abc");
        }
        assert_eq!(read(&own, &["abc"]).unwrap(), "abc");
        for values in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer "]] {
            let error = read(&AUTHORIZATION, values).unwrap_err();
            assert_eq!(
                error.to_string(),
                "this server takes telemetry with a token only: send it as \"authorization: Bearer \
                 TOKEN\""
            );
        }
        let twice = read(&AUTHORIZATION, &["Bearer abc", "Bearer abc"]).unwrap_err();
        assert!(matches!(twice, Unauthenticated::Unknown { .. }));
    }
}
