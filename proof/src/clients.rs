//! People: they register, log in again and again, and now and then end all of their sessions at once.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::cluster::NODES;
use crate::history::{Answer, Asked, Event, Session};
use crate::life::{self, Fate};
use crate::world::{Account, World, lock};

/// Sessions of an account that nobody ends.
const SETTLED_SESSIONS: usize = 3;

/// One person after another, until the run stops.
pub(crate) async fn come_and_go(world: Arc<World>, mut rng: Rng) {
    let _busy = world.busy();
    while !world.is_stopping() {
        let Some(account) = register(&world, &mut rng).await else {
            sleep(Duration::from_millis(rng.u64(100..500))).await;
            continue;
        };
        for _ in 0..rng.usize(10..40) {
            if world.is_stopping() || account.is_in_doubt() {
                break;
            }
            act(&world, &account, &mut rng).await;
            let pause = rng.u64(world.pace.pause.clone());
            sleep(Duration::from_millis(pause)).await;
        }
        if !account.is_in_doubt() {
            lock(&world.standing).push(account);
        }
    }
}

/// Somebody who stays logged in all the time, by a few sessions. No fault may log them out.
pub(crate) async fn settle(world: Arc<World>, mut rng: Rng) {
    let _busy = world.busy();
    let account = loop {
        if let Some(account) = register(&world, &mut rng).await {
            break account;
        }
    };
    for _ in 0..SETTLED_SESSIONS {
        log_in(&world, &account, Fate::Stays, &mut rng).await;
    }
    lock(&world.standing).push(account);
}

/// Asks a node by a connection made for it, as a browser that has just been opened does.
async fn ask(world: &Arc<World>, asked: Asked, form: &str, rng: &mut Rng) -> Event {
    let node = rng.usize(0..NODES);
    world.ask(&mut world.link(node), node, asked, form).await
}

async fn register(world: &Arc<World>, rng: &mut Rng) -> Option<Arc<Account>> {
    let account = world.new_account();
    let asked = Asked::Register(account.user);
    let event = ask(world, asked, &account.form(), rng).await;
    let session = event.opened()?;
    life::begin(world, &account, (session, event.end), Fate::LogsOut, rng);
    Some(account)
}

/// Mostly logs in. What ends every session is rarer, since it puts an end to much.
async fn act(world: &Arc<World>, account: &Arc<Account>, rng: &mut Rng) {
    match rng.u32(0..100) {
        0..4 => log_out_everywhere(world, account, rng).await,
        4..7 => change_password(world, account, rng).await,
        7..9 => disable_for_a_while(world, account, rng).await,
        9..12 => drop(log_in(world, account, Fate::Stays, rng).await),
        _ => drop(log_in(world, account, Fate::LogsOut, rng).await),
    }
}

async fn log_in(world: &Arc<World>, account: &Arc<Account>, fate: Fate, rng: &mut Rng) -> Event {
    let asked = Asked::LogIn(account.user);
    let event = ask(world, asked, &account.form(), rng).await;
    if let Some(session) = event.opened() {
        life::begin(world, account, (session, event.end), fate, rng);
    }
    event
}

/// A session that is about to end with all others of its account.
async fn log_in_to_end_all(
    world: &Arc<World>,
    account: &Arc<Account>,
    rng: &mut Rng,
) -> Option<Session> {
    let opened = log_in(world, account, Fate::EndsWithAll, rng).await;
    let session = opened.opened()?;
    sleep(Duration::from_millis(rng.u64(0..1500))).await;
    account.all_ended(world.recorder.now());
    Some(session)
}

async fn log_out_everywhere(world: &Arc<World>, account: &Arc<Account>, rng: &mut Rng) {
    let Some(session) = log_in_to_end_all(world, account, rng).await else {
        return;
    };
    let asked = Asked::LogOutEverywhere(account.user, session);
    let event = ask(world, asked, "", rng).await;
    ended_all(account, &event);
}

async fn change_password(world: &Arc<World>, account: &Arc<Account>, rng: &mut Rng) {
    let Some(session) = log_in_to_end_all(world, account, rng).await else {
        return;
    };
    let asked = Asked::ChangePassword(account.user, session);
    let event = ask(world, asked, &account.change_form(), rng).await;
    ended_all(account, &event);
    if let Some(new) = event.opened() {
        account.password_changed();
        life::begin(world, account, (new, event.end), Fate::LogsOut, rng);
    }
}

async fn disable_for_a_while(world: &Arc<World>, account: &Arc<Account>, rng: &mut Rng) {
    account.all_ended(world.recorder.now());
    let asked = Asked::Disable(account.user);
    let event = world
        .operate(asked, ["user", "disable"], account.name())
        .await;
    ended_all(account, &event);
    if account.is_in_doubt() {
        return;
    }
    log_in(world, account, Fate::LogsOut, rng).await;
    let asked = Asked::Enable(account.user);
    let event = world
        .operate(asked, ["user", "enable"], account.name())
        .await;
    if !event.is_acknowledged() {
        account.doubt();
    }
}

/// An account about which something is in doubt is left: whatever it did from now on would prove nothing.
fn ended_all(account: &Account, event: &Event) {
    match event.answer {
        Answer::Yes(_) => account.all_ended(event.end),
        Answer::Refused | Answer::Overloaded => {}
        _ => account.doubt(),
    }
}

/// Asks a node all the time whether it is ready, and looks whether it is there.
pub(crate) async fn probe(world: Arc<World>, node: usize) {
    let mut link = world.link(node);
    loop {
        world.ask(&mut link, node, Asked::Ready, "").await;
        if world.cluster.has_ended(node) {
            world.recorder.exit(node);
        }
        sleep(Duration::from_millis(200)).await;
    }
}
