//! The client against a stand-in server: limits, deadlines, retries, redirects, proxies, TLS.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base::{Kind, SecretText};
use http::Method;

use crate::client::{Client, Settings};
use crate::environment::Environment;
use crate::proxy::Proxy;
use crate::request::{Redirects, Request};
use crate::retry::{Retry, Wait};
use crate::stand_in::{Reply, StandIn, everything};
use crate::tls::Tls;

fn client() -> Client {
    Client::new(Settings::default())
}

/// As often as the standard, without its waits.
fn quick() -> Retry {
    Retry { wait: Wait::Fixed(Duration::ZERO), ..Retry::standard() }
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_and_no_further() {
    let server = StandIn::start(|asked, _| {
        let reply = Reply::new(200, vec![b'x'; 100_000]);
        if asked.target == "/chunked" { reply.chunked() } else { reply }
    })
    .await;
    for path in ["/announced", "/chunked"] {
        let request = Request::get(&server.url(path)).unwrap().answer_limit(99_999);
        let fault = client().send(&request, &quick()).await.err().unwrap();
        assert_eq!(fault.kind(), Kind::Unreachable);
        assert!(fault.chain().ends_with("answered more than 99999 bytes"), "{}", fault.chain());
        let answer = client().send(&request.clone().answer_limit(100_000), &quick()).await.unwrap();
        assert_eq!(answer.body.len(), 100_000);
    }
    assert_eq!(server.count(), 4, "too much is no reason to ask again");
}

#[tokio::test]
async fn a_server_that_is_late_or_breaks_off_is_unreachable() {
    let server = StandIn::start(|asked, _| match asked.target.as_str() {
        "/late" => Reply::new(200, "x").after(Duration::from_secs(30)),
        _ => Reply::new(200, "half of it").cut(),
    })
    .await;
    let late = Request::get(&server.url("/late")).unwrap().timeout(Duration::from_millis(80));
    let fault = client().send(&late, &Retry::never()).await.err().unwrap();
    assert_eq!(fault.kind(), Kind::Unreachable);
    assert!(fault.to_string().ends_with("/late did not answer in time"), "{fault}");
    let broken = Request::get(&server.url("/broken?token=hunter2")).unwrap();
    let fault = client().send(&broken, &quick()).await.err().unwrap();
    assert_eq!(fault.kind(), Kind::Unreachable);
    assert!(fault.to_string().ends_with("/broken broke off its answer"), "{fault}");
    assert_eq!(server.count(), 1 + 3, "an answer that breaks off is asked for again");
    assert!(!everything(&fault).contains("hunter2"), "{}", everything(&fault));
}

#[tokio::test]
async fn nobody_there_names_the_host() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let request = Request::post(&format!("http://127.0.0.1:{port}/a?b=c")).unwrap().json(&1);
    let fault = client().send(&request, &quick()).await.err().unwrap();
    assert_eq!(fault.kind(), Kind::Unreachable);
    let expected = format!("POST http://127.0.0.1:{port}/a cannot be reached: Connection refused (os error 111)");
    assert_eq!(fault.chain(), expected);
}

#[tokio::test]
async fn only_what_may_be_asked_twice_is_asked_twice() {
    struct Case(&'static str, Method, u16, usize);
    let cases = [
        Case("a GET after trouble", Method::GET, 500, 3),
        Case("a PUT after trouble", Method::PUT, 502, 3),
        Case("a POST that may have been carried out", Method::POST, 500, 1),
        Case("a POST that was turned away", Method::POST, 503, 3),
        Case("a POST that came too often", Method::POST, 429, 3),
        Case("a refusal", Method::GET, 403, 1),
        Case("not found", Method::GET, 404, 1),
        Case("success", Method::GET, 200, 1),
    ];
    for Case(name, method, status, expected) in cases {
        let server = StandIn::start(move |_, _| Reply::new(status, "")).await;
        let request = Request::new(method, &server.url("/")).unwrap();
        let answer = client().send(&request, &quick()).await.unwrap();
        assert_eq!((answer.status.as_u16(), server.count()), (status, expected), "{name}");
    }
    let server = StandIn::start(|_, number| Reply::new(if number < 2 { 500 } else { 200 }, "")).await;
    let posted = Request::post(&server.url("/")).unwrap().idempotent();
    assert_eq!(client().send(&posted, &quick()).await.unwrap().status.as_u16(), 200);
    assert_eq!(server.count(), 3);
    let read_once = Request::get(&server.url("/")).unwrap().once();
    assert_eq!(client().send(&read_once, &quick()).await.unwrap().status.as_u16(), 200);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server = StandIn::start(|_, number| match number {
        0 => Reply::new(429, "").header("retry-after", "1"),
        _ => Reply::new(200, ""),
    })
    .await;
    let begun = std::time::Instant::now();
    client().send(&Request::get(&server.url("/")).unwrap(), &quick()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_redirect_leads_only_where_the_request_allows() {
    let other = StandIn::start(|asked, _| match asked.target.as_str() {
        "/again" => Reply::new(307, "").header("location", "/v1/x"),
        _ => Reply::new(200, "other"),
    })
    .await;
    let target = other.url("/v1/x");
    let twice = other.url("/again");
    let server = StandIn::start(move |asked, _| match asked.target.as_str() {
        "/here" => Reply::new(302, "").header("location", "/there"),
        "/there" => Reply::new(200, asked.method.clone()),
        "/307" => Reply::new(307, "").header("location", target.clone()),
        "/twice" => Reply::new(307, "").header("location", twice.clone()),
        "/elsewhere" => Reply::new(302, "").header("location", "http://localhost.invalid/"),
        _ => Reply::new(301, "").header("location", "/loop"),
    })
    .await;
    let token = SecretText::from("canary-token");
    let ask = async |path: &str, redirects| {
        let request = Request::post(&server.url(path)).unwrap().json(&1).redirects(redirects);
        let answer = client().send(&request.secret_header("x-vault-token", &token), &Retry::never()).await.unwrap();
        (answer.status.as_u16(), String::from_utf8(answer.body.into_exposed()).unwrap())
    };
    assert_eq!(ask("/here", Redirects::Refuse).await.0, 302);
    assert_eq!(ask("/here", Redirects::SameHost).await, (200, "GET".to_owned()));
    assert_eq!(ask("/here", Redirects::VaultStandby).await, (200, "POST".to_owned()));
    assert_eq!(ask("/loop", Redirects::SameHost).await.0, 301);
    for redirects in [Redirects::Refuse, Redirects::SameHost] {
        assert_eq!(ask("/307", redirects).await.0, 307, "{redirects:?}");
    }
    assert_eq!(ask("/elsewhere", Redirects::VaultStandby).await.0, 302);
    assert_eq!(other.count(), 0, "nothing has left the host so far");
    assert_eq!(ask("/307", Redirects::VaultStandby).await, (200, "other".to_owned()));
    assert_eq!(other.asked()[0].header("x-vault-token"), "canary-token");
    assert_eq!(other.asked()[0].body, "1");
    assert_eq!(ask("/twice", Redirects::VaultStandby).await.0, 307, "one hop only");
    assert_eq!(ask("/loop", Redirects::AnyHost).await.0, 301);
    assert_eq!(ask("/twice", Redirects::AnyHost).await, (200, "other".to_owned()));
    let last = other.asked().pop().unwrap();
    assert_eq!(last.header("x-vault-token"), "", "another host gets no header");
}

#[tokio::test]
async fn a_refused_redirect_says_so() {
    let server = StandIn::start(|_, _| Reply::new(302, "").header("location", "http://localhost.invalid/")).await;
    let answer = client().send(&Request::get(&server.url("/")).unwrap(), &quick()).await.unwrap();
    let fault = answer.accepted("cannot read x").err().unwrap();
    assert!(fault.chain().ends_with("answered 302 Found, a redirect that is not followed"), "{}", fault.chain());
}

#[tokio::test]
async fn a_proxy_gets_what_is_for_it() {
    let proxy = StandIn::start(|asked, _| Reply::new(200, asked.target.clone())).await;
    let variables = [("http_proxy", format!("http://{}", proxy.address)), ("NO_PROXY", "near.invalid".to_owned())];
    let settings = Settings { proxy: Proxy::of(&variables.into_iter().collect()).unwrap(), ..Settings::default() };
    let client = Client::new(settings);
    let far = Request::get("http://far.invalid/x").unwrap();
    let answer = client.send(&far, &Retry::never()).await.unwrap();
    assert_eq!(answer.body.expose(), b"http://far.invalid/x");
    assert!(client.send(&far.direct(), &Retry::never()).await.is_err(), "a direct request asks no proxy");
    let near = Request::get("http://near.invalid/x").unwrap();
    assert!(client.send(&near, &Retry::never()).await.is_err(), "NO_PROXY counts");
    assert_eq!(proxy.count(), 1);
    assert!(Environment::default().value("HTTP_PROXY").is_none());
}

#[tokio::test]
async fn a_broken_header_is_told_without_its_value() {
    let request = Request::get("http://127.0.0.1:1/").unwrap().secret_header("x-token", &SecretText::from("canary\n"));
    let fault = client().send(&request, &quick()).await.err().unwrap();
    assert_eq!(fault.kind(), Kind::Wrong);
    assert!(fault.to_string().ends_with("header `x-token` holds bytes that a header must not"), "{fault}");
    assert!(!everything(&fault).contains("canary"));
}

/// One certificate and a server that shows it, on a thread; the server ends with the listener of the test's process.
fn tls_server(name: &str) -> (u16, String, Arc<AtomicUsize>) {
    crate::tls::install();
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            let Ok(length) = tls.read(&mut request) else { continue };
            count.fetch_add(1, Ordering::SeqCst);
            let host = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
            let _ = write!(tls, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{host}", host.len());
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    (port, certified.cert.pem(), served)
}

#[tokio::test]
async fn a_certificate_is_verified_unless_a_user_says_otherwise() {
    let (port, authority, served) = tls_server("vault.internal");
    let request = Request::get(&format!("https://127.0.0.1:{port}/")).unwrap();
    let trusting = Tls::default().with_authorities(authority.as_bytes()).unwrap();
    let refused = [
        ("the system does not know it", Tls::default()),
        ("known, but for another name", trusting.clone()),
        ("known, asked for another name", trusting.clone().with_server_name("other.internal")),
    ];
    for (name, tls) in refused {
        let begun = std::time::Instant::now();
        let fault = client().with_tls(&tls).send(&request, &Retry::vault()).await.err().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "{name}: the same certificate is not asked for again");
        assert_eq!(fault.kind(), Kind::Unreachable, "{name}");
        assert!(fault.chain().contains("certificate"), "{name}: {}", fault.chain());
        assert!(fault.to_string().contains(&format!("127.0.0.1:{port}")), "{name}: {fault}");
    }
    assert_eq!(served.load(Ordering::SeqCst), 0);
    for tls in [trusting.with_server_name("vault.internal"), Tls::default().unverified()] {
        let answer = client().with_tls(&tls).send(&request, &Retry::never()).await.unwrap();
        assert_eq!(answer.body.expose(), format!("127.0.0.1:{port}").as_bytes(), "the host stays the address");
    }
}

#[tokio::test]
async fn equal_settings_share_their_connections() {
    let (first, server) = (client(), StandIn::start(|_, _| Reply::new(200, "")).await);
    let (second, third) = (first.with_tls(&Tls::default()), first.with_tls(&Tls::default().unverified()));
    let pool = |client: &Client, scheme: &str| {
        let request = Request::get(&format!("{scheme}://{}/", server.address)).unwrap();
        client.pool(&request, &request.url).unwrap()
    };
    assert!(Arc::ptr_eq(&pool(&first, "https"), &pool(&second, "https")));
    assert!(!Arc::ptr_eq(&pool(&first, "https"), &pool(&third, "https")));
    assert!(Arc::ptr_eq(&pool(&first, "http"), &pool(&third, "http")), "without TLS its settings do not count");
    assert_eq!(first.shared.pools.lock().unwrap().len(), 3);
    drop(third);
    pool(&first.with_tls(&Tls::default().with_server_name("x")), "https");
    assert_eq!(first.shared.pools.lock().unwrap().len(), 3, "what nobody uses is closed");
}

#[tokio::test]
async fn a_refusal_quotes_no_secret_of_the_request() {
    let server = StandIn::start(|asked, _| {
        let text = format!("bad token {} and body {}", asked.header("authorization"), asked.body);
        Reply::new(400, serde_json::json!({"errors": [text]}).to_string())
    })
    .await;
    let (token, password) = (SecretText::from("canary-token"), SecretText::from("canary-password"));
    let request = Request::post(&server.url("/"))
        .unwrap()
        .secret_header("authorization", &token)
        .body("application/json", "{\"password\":\"canary-password\"}")
        .hide(&password);
    let fault = client().send(&request, &quick()).await.unwrap().accepted("cannot log in").err().unwrap();
    assert!(everything(&fault).contains("bad token ****"), "{}", everything(&fault));
    assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
}
