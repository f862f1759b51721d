//! Keys whose values are secret.
//!
//! A key is compared by its last segment (`http.request.header.authorization` ends in `authorization`),
//! whatever its case, and with `-` and `_` taken for the same.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

/// Keys that are secret unless the operator says otherwise.
///
/// Words that also name harmless things are left out: counts of tokens are `…input_tokens`, a `page_token`
/// is a place in a list, a session id is what people search by.
pub const DEFAULT_KEYS: &[&str] = &[
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
    "*password",
    "*passwd",
    "passphrase",
    "*secret",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "session_token",
    "csrf_token",
    "xsrf_token",
    "api_token",
    "x_auth_token",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "api_key",
    "apikey",
    "x_api_key",
    "private_key",
    "privatekey",
    "secret_key",
    "secret_access_key",
    "credentials",
    "card_number",
    "cardnumber",
    "cvv",
    "cvc",
];

/// A key that can never match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{key:?} is not a key, expected for example password, db.password or *_password (letters, digits, \
     '.', '-' and '_', at least two)"
)]
pub struct KeyError {
    key: String,
}

/// One key, folded.
#[derive(Debug, Clone)]
struct Key {
    name: String,
    /// Whether anything may stand before the name within the segment.
    is_suffix: bool,
}

/// Keys to compare with.
#[derive(Debug, Clone)]
pub(super) struct KeyRules {
    keys: Vec<Key>,
    /// One bit for each pair of last characters: most keys differ there, and are done with.
    endings: [u64; ENDINGS / 64],
}

const ENDINGS: usize = 32 * 32;

impl KeyRules {
    pub(super) fn new(keys: &[&str]) -> Result<Self, KeyError> {
        let mut rules = Self {
            keys: Vec::new(),
            endings: [0; ENDINGS / 64],
        };
        for text in keys {
            let (is_suffix, name) = match text.strip_prefix('*') {
                Some(name) => (true, name),
                None => (false, *text),
            };
            let is_allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            let ending = ending(name.as_bytes());
            let (Some(ending), true) = (ending, name.bytes().all(is_allowed)) else {
                let key = (*text).to_owned();
                return Err(KeyError { key });
            };
            if let Some(bits) = rules.endings.get_mut(ending / 64) {
                *bits |= 1 << (ending % 64);
            }
            let name = name.bytes().map(|byte| char::from(fold(byte))).collect();
            rules.keys.push(Key { name, is_suffix });
        }
        Ok(rules)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.keys.iter().map(|key| match key.is_suffix {
            true => format!("*{}", key.name),
            false => key.name.clone(),
        })
    }

    /// The first rule that a key falls under.
    #[inline]
    pub(super) fn position(&self, key: &[u8]) -> Option<usize> {
        let ending = ending(key)?;
        let bits = self.endings.get(ending / 64)?;
        if bits & (1 << (ending % 64)) == 0 {
            return None;
        }
        self.keys.iter().position(|it| it.matches(key))
    }
}

impl Key {
    fn matches(&self, key: &[u8]) -> bool {
        let Some(start) = key.len().checked_sub(self.name.len()) else {
            return false;
        };
        let (before, end) = key.split_at(start);
        let is_same = end
            .iter()
            .zip(self.name.bytes())
            .all(|(byte, wanted)| fold(*byte) == wanted);
        is_same && (self.is_suffix || matches!(before, [] | [.., b'.' | b'/' | b':']))
    }
}

/// Case and the kind of dash make no difference.
#[inline]
fn fold(byte: u8) -> u8 {
    match byte {
        b'-' => b'_',
        _ => byte.to_ascii_lowercase(),
    }
}

/// The place of a pair of last characters in the bits: the low bits of letters do not know their case.
#[inline]
fn ending(key: &[u8]) -> Option<usize> {
    let [.., last_but_one, last] = key else {
        return None;
    };
    Some(usize::from(fold(*last_but_one) & 31) << 5 | usize::from(fold(*last) & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_secret(keys: &[&str], key: &str) -> bool {
        KeyRules::new(keys)
            .unwrap()
            .position(key.as_bytes())
            .is_some()
    }

    #[test]
    fn secrets_are_known_by_the_last_segment_of_their_key() {
        for key in [
            "authorization",
            "http.request.header.authorization",
            "http.request.header.Authorization",
            "rpc.grpc.request.metadata.x-api-key",
            "X_API_KEY",
            "http.response.header.set-cookie",
            "db.password",
            "dbPassword",
            "DB_PASSWORD",
            "user.new-password",
            "oauth.client_secret",
            "token",
            "auth/token",
            "accessToken",
            "refresh-token",
            "payment.card_number",
        ] {
            assert!(is_secret(DEFAULT_KEYS, key), "{key}");
        }
    }

    #[test]
    fn harmless_keys_are_left_alone() {
        for key in [
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "token.type",
            "authorization.kind",
            "password_reset.count",
            "next_page_token",
            "session.id",
            "http.request.method",
            "k8s.secret.name",
            "tokenizer",
            "my_token_count",
            "y",
            "",
        ] {
            assert!(!is_secret(DEFAULT_KEYS, key), "{key}");
        }
    }

    #[test]
    fn a_key_of_several_segments_is_compared_with_as_many() {
        assert!(is_secret(&["user.pin"], "user.pin"));
        assert!(is_secret(&["user.pin"], "app.User.Pin"));
        assert!(!is_secret(&["user.pin"], "card.pin"));
        assert!(!is_secret(&["user.pin"], "superuser.pin"));
        assert!(is_secret(&["*_pin"], "card_pin"));
        assert!(!is_secret(&["*_pin"], "pin"));
    }

    #[test]
    fn what_can_never_match_is_rejected() {
        for key in ["", "*", "a", "pass word", "a*b", "schlüssel"] {
            assert!(KeyRules::new(&[key]).is_err(), "{key}");
        }
    }
}
