//! A fake upstream on a raw socket: it keeps every byte that it received and answers as told, byte for byte.
//!
//! HTTP/1.1 only, and by hand: a library would lower-case names, drop duplicates or refuse what a test wants to see.

mod read;
mod reply;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::read::Recorded;
pub use self::reply::{Gate, Reply, Step};
use crate::PATIENCE;

type Behaviour = dyn Fn(&Recorded) -> Reply + Send + Sync;

pub struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Aborts the tasks with it.
    _tasks: JoinSet<()>,
}

struct Shared {
    behaviour: Box<Behaviour>,
    seen: Mutex<Vec<Recorded>>,
    /// The number of whole requests, for those who wait.
    count: watch::Sender<usize>,
    connections: AtomicUsize,
    /// Set, requests are counted but not kept.
    forgets: AtomicBool,
    /// Bytes received, also those of requests that never became whole.
    bytes: AtomicUsize,
}

impl Upstream {
    /// Answers every request with what `behaviour` makes of it.
    pub async fn start(behaviour: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let addr = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            behaviour: Box::new(behaviour),
            seen: Mutex::default(),
            count: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            forgets: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, shared.clone()));
        Upstream { addr, shared, _tasks: tasks }
    }

    /// Answers 200 with `{"ok":true}`.
    pub async fn ok() -> Upstream {
        Upstream::start(|_| Reply::json(200, r#"{"ok":true}"#)).await
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Every whole request so far, in the order of arrival.
    pub fn seen(&self) -> Vec<Recorded> {
        self.shared.seen.lock().expect("not poisoned").clone()
    }

    /// The only request so far; panics if there were none or several.
    pub fn only(&self) -> Recorded {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen.remove(0)
    }

    /// Panics if anything arrived, were it half a head.
    pub fn assert_untouched(&self) {
        let bytes = self.shared.bytes.load(Ordering::SeqCst);
        assert_eq!(bytes, 0, "the upstream received {:#?}", self.seen());
    }

    /// Waits for `n` whole requests.
    pub async fn arrived(&self, n: usize) {
        let mut count = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, count.wait_for(|c| *c >= n)).await;
        assert!(arrived.is_ok(), "{n} requests awaited, but the upstream saw {:#?}", self.seen());
    }

    /// From now on requests are answered and counted, but not kept: for measurements.
    pub fn forget(&self) {
        self.shared.forgets.store(true, Ordering::SeqCst);
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(stream, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut reader = read::Reader::default();
    while let Some(request) = reader.next(&mut stream, &shared.bytes).await {
        let reply = (shared.behaviour)(&request);
        if !shared.forgets.load(Ordering::SeqCst) {
            shared.seen.lock().expect("not poisoned").push(request);
        }
        shared.count.send_modify(|n| *n += 1);
        for step in reply.steps {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Wait(gate) => gate.passed().await,
                Step::Reset => {
                    // With linger 0, closing sends RST instead of FIN.
                    let _ = stream.set_zero_linger();
                    return;
                }
            }
        }
        if reply.close {
            return;
        }
    }
}
