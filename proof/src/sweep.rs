//! The last look: every session there ever was, on every node, and a log-in to the accounts.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cluster::NODES;
use crate::history::{Asked, Session};
use crate::world::{World, lock};

/// How many look at the same time.
const LOOKERS: usize = 12;
/// So many accounts are logged in to, each at the price of a hash.
const LOG_INS: usize = 60;

/// # Errors
/// When anybody who looked has failed: what was not looked at has not been shown.
pub(crate) async fn sweep(world: &Arc<World>) -> Result<()> {
    world.recorder.sweep_begins();
    let sessions = world.sessions();
    let share = sessions.len().div_ceil(LOOKERS).max(1);
    let lookers = sessions
        .chunks(share)
        .map(|sessions| tokio::spawn(look_at(Arc::clone(world), sessions.to_vec())));
    for looker in lookers.collect::<Vec<_>>() {
        looker.await.context("the last look is not whole")?;
    }
    let standing = lock(&world.standing).clone();
    for (index, account) in standing.iter().rev().take(LOG_INS).enumerate() {
        let node = index % NODES;
        let asked = Asked::LogIn(account.user);
        let form = account.form();
        world.ask(&mut world.link(node), node, asked, &form).await;
    }
    Ok(())
}

async fn look_at(world: Arc<World>, sessions: Vec<Session>) {
    for node in 0..NODES {
        let mut link = world.link(node);
        for session in &sessions {
            world.ask(&mut link, node, Asked::Check(*session), "").await;
        }
    }
}
