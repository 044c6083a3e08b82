//! What the demo says when it runs: where everything is, and what to try.

use std::fmt::Write as _;

use crate::demo::{self, DemoSite, sample, shop};

/// Three kinds of characters and more than eight of them, as Entra asks for.
const EXAMPLE_PASSWORD: &str = "Correct-horse-1";

pub(super) fn title(site: &DemoSite) -> String {
    match site.kind {
        shop::Kind::Business => format!("{} (B2B)", site.title),
        shop::Kind::Consumer => format!("{} (B2C)", site.title),
    }
}

/// `idlink` is how this program is called from another terminal.
pub(super) fn running(addresses: &[(String, String)], idlink: &str) -> String {
    let mut text = String::from("\nThe demo is running. Ctrl-C stops it.\n\n");
    for (title, address) in addresses {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "  {title:<25}{address}");
    }
    text.push_str(&things_to_try(idlink));
    text
}

fn things_to_try(idlink: &str) -> String {
    let (known_trade, known_shop) = (&sample::KNOWN_TRADE, &sample::KNOWN_SHOP);
    let waiting = &sample::EXISTING_ACCOUNT;
    let (trade, shop) = (demo::TRADE.title, demo::SHOP.title);
    format!(
        "
Each shop has three ways in: with a custom policy, with a user flow, with External ID.
Sign up at {trade}, any way, with a password such as {EXAMPLE_PASSWORD}. The code is in the mailbox.
  {trade_known:<27}customer {trade_number}: linked
  {unknown:<27}nobody's: refused, with a reference
  {shared_trade:<27}two customers have it: refused
  {social:<27}with the Facebook button: an address that Facebook tells
  {empty:<27}is not trusted, so it is refused
Sign up at {shop}.
  {shop_known:<27}customer {shop_number}: linked
  {unknown:<27}nobody's: a customer is created
  {shared_shop:<27}two customers have it: refused
Then come another way. Custom policy and user flow have the same accounts; at External ID
  the same address signs up once more, and is the same customer again.
Sign in at {trade} as {waiting_email}, password {password} (not with External ID).
  The account is older than linking, and customer {waiting_number} waits for approval: approve in
  another terminal, then sign in again.
    {idlink} customer approve {waiting_number}

What a journey did, step by step:          the traces, which pages link to as well
Look up the reference that a page shows:   {idlink} attempt show REFERENCE
See the customer, the links, the audit:    {idlink} customer show {trade_number}
Turn linking off and on:                   {idlink} feature disable
",
        trade_known = known_trade.email,
        trade_number = known_trade.number,
        shop_known = known_shop.email,
        shop_number = known_shop.number,
        unknown = "stranger@nowhere.example",
        shared_trade = sample::SHARED_TRADE,
        shared_shop = sample::SHARED_SHOP,
        social = sample::SOCIAL,
        empty = "",
        waiting_email = waiting.email,
        waiting_number = waiting.number,
        password = waiting.password,
    )
}
