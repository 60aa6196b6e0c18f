//! One request as a value: what is asked, how long we wait, how much we read, whether it may be asked twice, and where a
//! redirect may lead. It is checked when it is built; sending happens in [`crate::client`].

use std::time::Duration;

use base::{Fault, SecretText, limit};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

/// How long one try may take, body included, if nobody says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a redirect may lead. Credentials travel with the request, so the answer is a matter of trust (design §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Nowhere: an API that redirects is misconfigured or not the one we mean.
    #[default]
    Refuse,
    /// Within the same scheme, host and port.
    SameHost,
    /// Vault's own: once, never from https to http; to another host only by the 307 of a standby, which
    /// is verified against the same authorities, since the same client asks again (VSO §8.1, §19.5).
    VaultStandby,
    /// Anywhere by http and https, but never from https to http: public files. Another host gets none of the headers
    /// (HS §6, §16 S12).
    AnyHost,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) timeout: Duration,
    pub(crate) answer_limit: usize,
    pub(crate) idempotent: bool,
    pub(crate) redirects: Redirects,
    pub(crate) direct: bool,
    pub(crate) hidden: Vec<SecretText>,
    broken: Option<String>,
}

impl Request {
    /// A request; it may be asked twice if its method says so (everything but POST and PATCH).
    ///
    /// # Errors
    /// The address is no http or https URL.
    pub fn new(method: Method, url: &str) -> Result<Self, Fault> {
        // The text is not quoted: a URL may hold a password.
        let url = Url::parse(url).map_err(|error| Fault::wrong("cannot parse an address as URL").because(error))?;
        Self::to(method, url)
    }

    /// As [`Self::new`], for a URL that is parsed already.
    ///
    /// # Errors
    /// The URL is neither http nor https.
    pub fn to(method: Method, url: Url) -> Result<Self, Fault> {
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Fault::wrong(format!(
                "cannot ask an address of scheme `{}`: only http and https",
                url.scheme()
            )));
        }
        let idempotent = !matches!(method, Method::POST | Method::PATCH);
        Ok(Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            timeout: TIMEOUT,
            answer_limit: limit::ANSWER_BYTES,
            idempotent,
            redirects: Redirects::Refuse,
            direct: false,
            hidden: Vec::new(),
            broken: None,
        })
    }

    /// A GET.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn get(url: &str) -> Result<Self, Fault> {
        Self::new(Method::GET, url)
    }

    /// A POST.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn post(url: &str) -> Result<Self, Fault> {
        Self::new(Method::POST, url)
    }

    /// Sets a header; a value that cannot be one is told when the request is sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.set_header(name, value, false);
        self
    }

    /// Adds a header beside others of its name, which is written in lower case.
    #[must_use]
    pub fn add_header(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::try_from(value) {
            Ok(value) => {
                self.headers.append(HeaderName::from_static(name), value);
            }
            Err(_) => {
                self.broken.get_or_insert_with(|| unfit(name));
            }
        }
        self
    }

    /// Sets a header whose value is a secret: it is neither logged by a library nor ever part of a fault.
    #[must_use]
    pub fn secret_header(mut self, name: &str, value: &SecretText) -> Self {
        self.set_header(name, value.expose(), true);
        self.hide(value)
    }

    /// Adds a query parameter, encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// The body and its media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body("application/json", body),
            Err(_) => {
                self.broken.get_or_insert_with(|| "its body cannot be written as JSON".to_owned());
                self
            }
        }
    }

    /// How long one try may take, body included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of the answer are read before it is a fault.
    #[must_use]
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// May be asked twice, though its method does not say so: a POST that only reads.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Must not be asked twice, though its method says so: a GET that makes something.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// Where a redirect may lead.
    #[must_use]
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// Never through a proxy: metadata services of clouds.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.direct = true;
        self
    }

    /// A text that no fault may quote, should the other side send it back.
    #[must_use]
    pub fn hide(mut self, secret: &SecretText) -> Self {
        self.hidden.push(secret.clone());
        self
    }

    /// Method and URL without user, query and fragment: what faults and logs may say.
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.method, &self.url)
    }

    /// What is wrong with it, found while it was built.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match &self.broken {
            None => Ok(()),
            Some(reason) => Err(Fault::wrong(format!("cannot send {}: {reason}", self.place()))),
        }
    }

    fn set_header(&mut self, name: &str, value: &str, secret: bool) {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(secret);
                self.headers.insert(name, value);
            }
            _ => {
                self.broken.get_or_insert_with(|| unfit(name));
            }
        }
    }
}

/// The value is not quoted: it may be a token with a line break in it.
fn unfit(header: &str) -> String {
    format!("header `{header}` holds bytes that a header must not")
}

pub(crate) fn place(method: &Method, url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{method} {}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
