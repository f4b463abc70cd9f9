//! Certificates made for a test, by openssl's command line, and a server that shows one.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

/// A certificate with its key.
pub struct Certificate {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Makes one in a folder, for the names of `subjectAltName`, valid until a day (`20200102000000Z`), signed by another
/// one, or by itself.
pub fn make(folder: &Path, name: &str, names: &str, until: &str, by: Option<&Certificate>) -> Certificate {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let (cert, key, request) = (file("crt"), file("key"), file("csr"));
    let subject = format!("/CN={name}");
    let mut asked = Command::new("openssl");
    asked.args([
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        &subject,
    ]);
    run(asked.arg("-keyout").arg(&key).arg("-out").arg(&request));
    let settings = file("cnf");
    let is_root = names.is_empty();
    let extensions = if is_root {
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign".to_owned()
    } else {
        format!("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}")
    };
    let index = file("index");
    std::fs::write(&index, "").expect("an index");
    let text = format!(
        "[ca]\ndefault_ca=a\n[a]\ndatabase={}\nnew_certs_dir={}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n\
         x509_extensions=x\nunique_subject=no\n[p]\ncommonName=supplied\n[x]\n{extensions}\n",
        index.display(),
        folder.display()
    );
    std::fs::write(&settings, text).expect("settings");
    let mut signed = Command::new("openssl");
    signed.args(["ca", "-batch", "-notext", "-startdate", "20200101000000Z", "-enddate", until, "-config"]);
    signed.arg(&settings).arg("-in").arg(&request).arg("-out").arg(&cert);
    match by {
        Some(root) => signed.arg("-cert").arg(&root.cert).arg("-keyfile").arg(&root.key),
        None => signed.arg("-selfsign").arg("-keyfile").arg(&key),
    };
    run(&mut signed);
    Certificate { cert, key }
}

fn run(command: &mut Command) {
    let out = command.stdin(Stdio::null()).output().expect("openssl starts: run scripts/prepare");
    assert!(out.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&out.stderr));
}

/// A server that shows a certificate, and refuses whatever key it is shown. It ends when this is dropped.
pub struct Shown {
    /// Its port on 127.0.0.1.
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Starts one.
    pub fn start(certificate: &Certificate) -> Shown {
        let cert = CertificateDer::from_pem_file(&certificate.cert).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&certificate.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .expect("a certificate and its key");
        let (config, heard, ends) =
            (Arc::new(config), Arc::<Mutex<Vec<u8>>>::default(), Arc::new(AtomicBool::new(false)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (its_heard, its_end) = (Arc::clone(&heard), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if its_end.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream;
                let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(5)));
                let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut stream = Stream::new(&mut tls, &mut stream);
                let mut bytes = [0; 4096];
                let Ok(count) = stream.read(&mut bytes) else { continue };
                its_heard.lock().expect("a buffer").extend_from_slice(&bytes[..count]);
                let body = r#"{"detail": "Invalid token."}"#;
                let head = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Shown { port, heard, ends, thread: Some(thread) }
    }

    /// All that was said to it behind a handshake.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("a buffer")).into_owned()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
