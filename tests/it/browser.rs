//! The story in a real browser, told by `tests/clients/story.mjs`: what a
//! person sees and staff does, against `idlink demo`.

use std::path::Path;

use super::clients::{client, said_by};
use super::demo::Demo;
use super::support::postgres::new_folder;

/// Kept by CI.
const SCREENSHOTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../screenshots");

/// One test, because a browser and a demo take longer to start than to use;
/// the script prints a line for each chapter.
#[tokio::test]
async fn people_sign_up_in_a_real_browser_and_staff_approves_them() {
    let demo = Demo::start(&new_folder("demo")).await;
    std::fs::create_dir_all(SCREENSHOTS).unwrap();
    said_by(
        client("node")
            .arg("story.mjs")
            .env("TRADE", demo.address("Contoso Trade (B2B)"))
            .env("SHOP", demo.address("Contoso Shop (B2C)"))
            .env("TENANT", demo.address("Mock B2C tenant"))
            .env("EXTERNAL", demo.address("Mock External ID tenant"))
            .env("IDLINK", env!("CARGO_BIN_EXE_idlink"))
            .env("DATA_DIR", &demo.data_dir)
            .env("SCREENSHOTS", Path::new(SCREENSHOTS)),
    )
    .await;
    demo.interrupt().await;
}
