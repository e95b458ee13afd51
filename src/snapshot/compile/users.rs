//! Which users may enter with a password?

use std::path::PathBuf;
use std::sync::Arc;

use super::Compiler;
use crate::auth::basic::Basic;
use crate::auth::expression::fields::Scope;
use crate::auth::expression::template::Template;
use crate::auth::passwords::Users;
use crate::config::Located;
use crate::config::schema;
use crate::watched::{Refresh, Reread};

/// The realm text where none is written.
const CHALLENGE: &str = "restricted";

impl Compiler<'_> {
    pub(super) fn basic(&mut self, written: &schema::Basic) -> Option<Basic> {
        let challenge = match &written.challenge {
            Some(text) => self.template(text, Scope::REQUEST),
            None => Some(Template::of_text(CHALLENGE)),
        };
        let users = self.users_of(&written.users);
        Some(Basic { users: users?, challenge: challenge? })
    }

    /// The users of a file: one value for all that name it, and the one that runs, if it runs.
    fn users_of(&mut self, file: &Located<PathBuf>) -> Option<Arc<Users>> {
        let same = |users: &&Arc<Users>| users.path() == file.value;
        if let Some(known) = self.users.iter().find(same) {
            return Some(Arc::clone(known));
        }
        let running = self.environment.previous.and_then(|previous| previous.users.iter().find(same)).map(Arc::clone);
        let opened = match running {
            Some(running) => match running.refresh(Reread::UnlessGood) {
                Refresh::Unchanged | Refresh::Loaded { .. } => Ok(running),
                Refresh::Failed(problem) => Err(problem),
            },
            None => Users::open(file.value.clone()).map(Arc::new),
        };
        match opened {
            Ok(users) => {
                self.users.push(Arc::clone(&users));
                Some(users)
            }
            Err(problem) => {
                self.problem(&file.place, problem);
                None
            }
        }
    }
}
