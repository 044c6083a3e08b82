//! The PostgreSQL that idlink starts itself.

use crate::support::postgres::{connect, database, options, own_server};
use idlink::store::embedded::{Durability, Embedded};

#[tokio::test]
async fn a_restart_finds_the_data() {
    let options = options("restart", Durability::Durable);
    let started = std::time::Instant::now();
    let first = Embedded::start_or_join(options.clone()).await.unwrap();
    eprintln!("start {:?}", started.elapsed());
    let client = connect(&first.config("postgres")).await;
    client
        .batch_execute("CREATE TABLE kept (); ")
        .await
        .unwrap();
    let started = std::time::Instant::now();
    first.stop().await.unwrap();
    eprintln!("stop {:?}", started.elapsed());
    let started = std::time::Instant::now();
    let second = Embedded::start_or_join(options).await.unwrap();
    eprintln!("restart {:?}", started.elapsed());
    let client = connect(&second.config("postgres")).await;
    client.batch_execute("SELECT FROM kept").await.unwrap();
}

#[tokio::test]
async fn x() {
    let own = own_server().await;
    own.signal("KILL");
    let own = own.restart().await;
    for _ in 0..5 {
        let started = std::time::Instant::now();
        let db = database().await;
        eprintln!("database {:?}", started.elapsed());
        connect(&db.config())
            .await
            .batch_execute("SELECT 1")
            .await
            .unwrap();
    }
    connect(&own.config()).await;
}
