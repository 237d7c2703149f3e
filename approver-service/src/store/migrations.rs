//! The schema, step by step. Steps are numbered the same on both databases; PostgreSQL begins with the fourth, which
//! holds the first three too. A step that has been released is never changed: what comes later is another step.
//!
//! Must not go here: statements of the running service.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::Backend;

type Step = (i64, &'static str, &'static str);

const SQLITE: [Step; 17] = [
    (1, "holds", include_str!("../../migrations/sqlite/0001_holds.sql")),
    (2, "workflows", include_str!("../../migrations/sqlite/0002_workflows.sql")),
    (3, "questions", include_str!("../../migrations/sqlite/0003_questions.sql")),
    (4, "replicas", include_str!("../../migrations/sqlite/0004_replicas.sql")),
    (5, "polls", include_str!("../../migrations/sqlite/0005_polls.sql")),
    OBSERVATIONS,
    SIGN_ON,
    (8, "tenants", include_str!("../../migrations/sqlite/0008_tenants.sql")),
    (9, "seats", include_str!("../../migrations/sqlite/0009_seats.sql")),
    ANSWERS,
    (11, "grants", include_str!("../../migrations/sqlite/0011_grants.sql")),
    GATEWAYS,
    SCOPES,
    KILLS,
    TRACES,
    LIVE_HOLDS,
    KEYS,
];

const POSTGRES: [Step; 14] = [
    (4, "schema", include_str!("../../migrations/postgres/0004_schema.sql")),
    (5, "polls", include_str!("../../migrations/postgres/0005_polls.sql")),
    OBSERVATIONS,
    SIGN_ON,
    (8, "tenants", include_str!("../../migrations/postgres/0008_tenants.sql")),
    (9, "seats", include_str!("../../migrations/postgres/0009_seats.sql")),
    ANSWERS,
    (11, "grants", include_str!("../../migrations/postgres/0011_grants.sql")),
    GATEWAYS,
    SCOPES,
    KILLS,
    TRACES,
    LIVE_HOLDS,
    KEYS,
];

/// The same text on both.
const OBSERVATIONS: Step = (6, "observations", include_str!("../../migrations/both/0006_observations.sql"));
/// The same text on both.
const SIGN_ON: Step = (7, "sign on", include_str!("../../migrations/both/0007_sign_on.sql"));

/// The same text on both.
const ANSWERS: Step = (10, "answers", include_str!("../../migrations/both/0010_answers.sql"));

/// The same text on both.
const GATEWAYS: Step = (12, "gateways", include_str!("../../migrations/both/0012_gateways.sql"));

/// The same text on both.
const SCOPES: Step = (13, "scopes", include_str!("../../migrations/both/0013_scopes.sql"));

/// The same text on both.
const KILLS: Step = (14, "kills", include_str!("../../migrations/both/0014_kills.sql"));

/// The same text on both.
const TRACES: Step = (15, "traces", include_str!("../../migrations/both/0015_traces.sql"));

/// The same text on both.
const LIVE_HOLDS: Step = (16, "live holds", include_str!("../../migrations/both/0016_live_holds.sql"));

/// The same text on both.
const KEYS: Step = (17, "keys", include_str!("../../migrations/both/0017_keys.sql"));

pub(super) fn migrator(backend: Backend) -> Migrator {
    let steps: &[Step] = match backend {
        Backend::Postgres => &POSTGRES,
        Backend::Sqlite => &SQLITE,
    };
    let migrations = steps.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_end_at_the_same_step() {
        assert_eq!(SQLITE.last().map(|step| step.0), POSTGRES.last().map(|step| step.0));
    }
}
