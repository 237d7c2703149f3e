//! Pages that say one thing: what was refused, and what to do now.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::api::problem::Problem;
use crate::store::Error;

#[derive(Template)]
#[template(path = "notice.html")]
pub struct Notice {
    status: StatusCode,
    title: String,
    text: String,
    /// Where to go on, and what that is called.
    link: (String, &'static str),
}

/// What a handler answers where it cannot do what it was asked.
pub struct Refused(Box<Notice>);

impl Notice {
    fn new(status: StatusCode, title: &str, text: &str) -> Notice {
        Notice { status, title: title.to_owned(), text: text.to_owned(), link: ("/".to_owned(), "All requests") }
    }

    /// A form that none of our pages sent.
    pub fn forged() -> Notice {
        let text = "This form did not come from a page of this service, or the page is from an earlier login. Nothing was changed.";
        Notice::new(StatusCode::FORBIDDEN, "Not accepted", text)
    }

    pub fn login_over() -> Notice {
        let text = "The link or code is unknown, used already, or older than five minutes.";
        Notice {
            link: ("/login".to_owned(), "Ask for a new one"),
            ..Notice::new(StatusCode::FORBIDDEN, "This login is over", text)
        }
    }

    pub fn too_long() -> Notice {
        Notice::new(StatusCode::PAYLOAD_TOO_LARGE, "Too long", "A reason may have 4,096 bytes. Nothing was changed.")
    }

    pub fn too_slow() -> Notice {
        Notice::new(StatusCode::REQUEST_TIMEOUT, "Too slow", "The form did not arrive in time. Nothing was changed.")
    }
}

impl Refused {
    /// Leads back to the request that was to be decided, unless something else has to be done first.
    pub fn back_to(mut self, hold: &str) -> Refused {
        if self.0.link.0 == "/" && self.0.status != StatusCode::NOT_FOUND {
            self.0.link = (format!("/holds/{hold}"), "Back to the request");
        }
        self
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Problem::from(error).into()
    }
}

impl From<Notice> for Refused {
    fn from(notice: Notice) -> Refused {
        Refused(Box::new(notice))
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        let status = problem.status();
        let state = problem.state.map_or("decided", |state| state.as_str());
        let (title, text) = match problem.code {
            "already_decided" => {
                ("Somebody was faster", format!("This request is already {state}. Your decision changed nothing."))
            }
            "already_voted" => {
                ("You have approved it already", "Somebody else must approve it too, or deny it.".to_owned())
            }
            "database_unavailable" => {
                ("The database cannot be used", "Nothing was changed. Try again in a moment.".to_owned())
            }
            "kill_not_allowed" => (
                "You may not turn it",
                "Who may decide requests turns the kill switch. Nothing was changed.".to_owned(),
            ),
            "login_over" => return Notice::login_over().into(),
            "login_required" => {
                ("Log in again to decide", "Deciding needs a login that is not older than 15 minutes.".to_owned())
            }
            "not_found" => ("Not here", "There is no such request, or you may not see it.".to_owned()),
            "not_reviewer" => {
                ("You are not a reviewer of this request", "Its workflow names others, who decide it.".to_owned())
            }
            "own_request" => (
                "You cannot decide your own request",
                "The agent acts for you. Somebody else has to look at it.".to_owned(),
            ),
            "reason_required" => {
                ("Say why", "This needs a few words: the agent and its developer read them.".to_owned())
            }
            "too_large" => return Notice::too_long().into(),
            "too_late" | "stale" => {
                ("Too late", "The request changed while you looked at it. Your decision changed nothing.".to_owned())
            }
            "too_many_logins" => ("Wait a moment", "Too many logins were asked for. Try again in a minute.".to_owned()),
            _ => ("Not done", format!("{}.", problem.detail)),
        };
        let notice = Notice::new(status, title, &text);
        match problem.code {
            "login_required" => Notice { link: ("/login".to_owned(), "Log in"), ..notice }.into(),
            _ => notice.into(),
        }
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        (self.status, page(&self)).into_response()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// Renders a page.
pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
