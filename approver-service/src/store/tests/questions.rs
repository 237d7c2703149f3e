//! Ask and answer, withdraw, revoke.

use privyseal_engine::hold::{ReleaseVerdict, State, StatusQuery};

use super::{Bench, MINUTE, intake, no_receipt, release};
use crate::auth::Session;
use crate::hold::Hold;
use crate::hold::transition::{Cause, Refusal};
use crate::store::decide::{Decider, Verdict};
use crate::store::{Error, Result};

on_both_databases! {
    a_question_goes_to_the_agent_and_its_answer_comes_back,
    who_may_not_decide_may_not_ask_or_revoke,
    an_agent_takes_its_request_back_even_when_it_is_approved,
    an_approval_is_taken_back_until_it_is_collected,
}

impl Bench {
    async fn say(&self, id: &str, verdict: Verdict, text: &str, by: &Session) -> Result<Hold> {
        let by = Decider { person: &by.person, session: &by.hash, ticket: None, grant: None };
        self.store.decide(id, verdict, Some(text.into()), by).await
    }
}

fn agent() -> StatusQuery {
    StatusQuery { v: 1, tenant: "acme".into(), environment: "test".into(), principal: "agent-7".into() }
}

/// Others who may know the hold's id.
fn others() -> [StatusQuery; 3] {
    [
        StatusQuery { principal: "agent-8".into(), ..agent() },
        StatusQuery { tenant: "other".into(), ..agent() },
        StatusQuery { environment: "production".into(), ..agent() },
    ]
}

async fn a_question_goes_to_the_agent_and_its_answer_comes_back() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    assert!(matches!(
        bench.store.answer(&hold.id, &agent(), "so".into()).await,
        Err(Error::Refused(Refusal::NotAsked))
    ));
    let asked = bench.say(&hold.id, Verdict::Ask, "which quarter?", &bob).await.unwrap();
    assert_eq!((asked.state, asked.view(false).reason.as_deref()), (State::InfoRequested, Some("which quarter?")));
    assert!(asked.revision > hold.revision, "whoever waits hears it");
    assert!(bench.say(&hold.id, Verdict::Ask, "and why?", &bob).await.is_err(), "one at a time");
    for other in others() {
        assert!(matches!(bench.store.answer(&hold.id, &other, "mine".into()).await, Err(Error::Unknown)));
    }
    bench.pass(MINUTE);
    let answered = bench.store.answer(&hold.id, &agent(), "the third".into()).await.unwrap();
    assert_eq!((answered.state, answered.view(false).reason), (State::Pending, None));
    assert_eq!(answered.questions[0].answer.as_deref(), Some("the third"));
    assert_eq!(answered.questions[0].answered_ms, Some(answered.questions[0].at_ms + MINUTE));
    assert!(bench.store.answer(&hold.id, &agent(), "no, the second".into()).await.is_err(), "said once");
    bench.say(&hold.id, Verdict::Ask, "and why?", &bob).await.unwrap();
    let stored = bench.reopened().await.hold(&hold.id).await.unwrap();
    assert_eq!(
        stored.questions.iter().map(|q| q.question.as_str()).collect::<Vec<_>>(),
        ["which quarter?", "and why?"]
    );
    assert_eq!(bench.approve(&hold.id, &bob).await.unwrap().state, State::Approved, "an open question binds nobody");
    assert_eq!(bench.records(&hold.id).await, ["created", "info_requested", "answered", "info_requested", "approved"]);
}

async fn who_may_not_decide_may_not_ask_or_revoke() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    let pending = bench.create(privyseal_engine::hold::Intake { digest: "2".repeat(64), ..intake(2) }).await;
    let alice = bench.session("alice").await;
    assert!(matches!(bench.say(&pending.id, Verdict::Ask, "?", &alice).await, Err(Error::OwnRequest)));
    assert!(matches!(bench.say(&hold.id, Verdict::Revoke, "no", &alice).await, Err(Error::OwnRequest)));
    let bob = bench.session("bob").await;
    bench.pass(16 * MINUTE);
    assert!(matches!(bench.say(&pending.id, Verdict::Ask, "?", &bob).await, Err(Error::LoginRequired)));
    assert!(bench.store.hold(&pending.id).await.unwrap().questions.is_empty());
}

async fn an_agent_takes_its_request_back_even_when_it_is_approved() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    for other in others() {
        assert!(matches!(bench.store.withdraw(&hold.id, &other).await, Err(Error::Unknown)));
    }
    let withdrawn = bench.store.withdraw(&hold.id, &agent()).await.unwrap();
    assert_eq!((withdrawn.state, withdrawn.cause), (State::Withdrawn, Some(Cause::Withdrawn)));
    assert_eq!(bench.release(&hold.id, &release(1)).await, (ReleaseVerdict::NotApproved, State::Withdrawn));
    assert!(bench.store.withdraw(&hold.id, &agent()).await.is_err(), "final");
    assert!(!bench.store.intake(intake(2)).await.unwrap().joined, "the same request is a new act");
    let released = bench.approved(privyseal_engine::hold::Intake { digest: "3".repeat(64), ..intake(3) }).await;
    let collect = privyseal_engine::hold::Release { digest: "3".repeat(64), ..release(3) };
    bench.store.release(&released.id, &collect, no_receipt).await.unwrap();
    assert!(bench.store.withdraw(&released.id, &agent()).await.is_err(), "it ran");
}

async fn an_approval_is_taken_back_until_it_is_collected() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    assert!(matches!(bench.say(&hold.id, Verdict::Revoke, "no", &bob).await, Err(Error::Refused(Refusal::Undecided))));
    bench.approve(&hold.id, &bob).await.unwrap();
    let revoked = bench.say(&hold.id, Verdict::Revoke, "the wrong one", &bob).await.unwrap();
    assert_eq!((revoked.state, revoked.view(false).reason.as_deref()), (State::Revoked, Some("the wrong one")));
    assert_eq!(bench.store.hold(&hold.id).await.unwrap(), revoked);
    assert_eq!(bench.release(&hold.id, &release(1)).await, (ReleaseVerdict::NotApproved, State::Revoked));
    assert_eq!(bench.records(&hold.id).await, ["created", "approved", "revoked"]);
}
