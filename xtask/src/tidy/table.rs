//! The dependency rule as data: who may use whom. ARCHITECTURE.md says why.

use super::names::Shared;

/// What one crate of the workspace may use.
pub(super) struct CrateRule {
    pub(super) name: &'static str,
    /// The crates of the workspace that it may use.
    pub(super) workspace: &'static [&'static str],
    /// The crates of the workspace that its tests may use besides.
    pub(super) in_tests: &'static [&'static str],
    /// The crates from outside that it may use; its tests may use any.
    pub(super) outside: Outside,
}

/// Which crates from outside.
#[derive(Clone, Copy)]
pub(super) enum Outside {
    Any,
    Only(&'static [&'static str]),
}

/// A crate from outside that belongs to few: only `users` may use it, except in tests.
pub(super) struct Exclusive {
    pub(super) dependency: &'static str,
    pub(super) users: &'static [&'static str],
    pub(super) why: &'static str,
}

const KIT: &[&str] = &["kanso-testkit"];

/// Arrows point inward. An edge never points at an edge. Only the server knows them all.
pub(super) const CRATES: &[CrateRule] = &[
    CrateRule {
        name: "kanso-domain",
        workspace: &[],
        in_tests: KIT,
        outside: Outside::Only(&["uuid", "jiff", "thiserror"]),
    },
    CrateRule {
        name: "kanso-application",
        workspace: &["kanso-domain"],
        in_tests: KIT,
        outside: Outside::Only(&["tracing", "async-trait", "thiserror", "uuid"]),
    },
    CrateRule {
        name: "kanso-protocol",
        workspace: &["kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-http",
        workspace: &["kanso-application", "kanso-domain", "kanso-protocol"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-worker",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-sqlite",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-postgres",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-redis",
        workspace: &["kanso-application", "kanso-domain"],
        // What goes on alone while Redis is away is the in-process adapter.
        in_tests: &["kanso-local", "kanso-testkit"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-credentials",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-local",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: KIT,
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-testkit",
        workspace: &["kanso-application", "kanso-domain"],
        in_tests: &[],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-server",
        workspace: &[
            "kanso-application",
            "kanso-credentials",
            "kanso-domain",
            "kanso-http",
            "kanso-local",
            "kanso-postgres",
            "kanso-protocol",
            "kanso-redis",
            "kanso-sqlite",
            "kanso-worker",
        ],
        in_tests: &["kanso-client", "kanso-testkit"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-client",
        workspace: &["kanso-domain", "kanso-protocol"],
        in_tests: &["kanso-server", "kanso-testkit"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-cli",
        workspace: &["kanso-client"],
        in_tests: &[
            "kanso-domain",
            "kanso-protocol",
            "kanso-server",
            "kanso-testkit",
        ],
        outside: Outside::Any,
    },
    CrateRule {
        // It judges servers, so it shares nothing with them.
        name: "kanso-conformance",
        workspace: &[],
        in_tests: &["kanso-server", "kanso-testkit"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-harness",
        // It starts servers and reads the wire for the programs that test them from outside.
        workspace: &["kanso-domain", "kanso-protocol", "kanso-testkit"],
        in_tests: &[],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-chaos",
        // Its devices speak the wire, and its checks are those of the domain.
        workspace: &[
            "kanso-client",
            "kanso-domain",
            "kanso-harness",
            "kanso-protocol",
            "kanso-testkit",
        ],
        in_tests: &["kanso-conformance"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-bench",
        // Inside it puts together what no client of a server can bring about.
        workspace: &[
            "kanso-application",
            "kanso-domain",
            "kanso-harness",
            "kanso-protocol",
            "kanso-sqlite",
            "kanso-testkit",
            "kanso-worker",
        ],
        in_tests: &[],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-sim",
        // The whole system in one process, but for what needs a socket.
        workspace: &[
            "kanso-application",
            "kanso-client",
            "kanso-credentials",
            "kanso-domain",
            "kanso-http",
            "kanso-local",
            "kanso-protocol",
            "kanso-server",
            "kanso-sqlite",
            "kanso-testkit",
            "kanso-worker",
        ],
        in_tests: &[],
        outside: Outside::Any,
    },
    CrateRule {
        // It says what should happen in its own words; its tests hold that against the code.
        name: "kanso-model",
        workspace: &[],
        in_tests: &["kanso-application", "kanso-domain", "kanso-testkit"],
        outside: Outside::Only(&["stateright"]),
    },
    CrateRule {
        name: "xtask",
        workspace: &[],
        in_tests: &[],
        outside: Outside::Any,
    },
];

const WEB: &[&str] = &["kanso-http", "kanso-server"];
const WIRE: &[&str] = &["kanso-http", "kanso-server", "kanso-bench"];
const SERVICE: &[&str] = &["kanso-http", "kanso-server", "kanso-sim"];
const FILES: &[&str] = &["kanso-sqlite", "kanso-client"];
const POSTGRES: &[&str] = &["kanso-postgres"];
const STORES: &[&str] = &["kanso-sqlite", "kanso-postgres", "kanso-client"];
const COUNTING: &[&str] = &[
    "kanso-http",
    "kanso-worker",
    "kanso-sqlite",
    "kanso-postgres",
    "kanso-redis",
    "kanso-server",
];
const PROGRAMS: &[&str] = &[
    "kanso-server",
    "kanso-cli",
    "kanso-conformance",
    "kanso-bench",
    "kanso-chaos",
    "kanso-sim",
    "xtask",
];

/// The programs, and the harness that two of them share and nothing else uses.
const RUNNERS: &[&str] = &[
    "kanso-server",
    "kanso-cli",
    "kanso-conformance",
    "kanso-bench",
    "kanso-chaos",
    "kanso-harness",
    "kanso-sim",
    "xtask",
];

/// Drivers and frameworks, each behind the crate that answers for it.
pub(super) const EXCLUSIVE: &[Exclusive] = &[
    only(
        "axum",
        WEB,
        "a handler sees use cases, and nothing else sees a request",
    ),
    only(
        "tower",
        SERVICE,
        "middleware is the HTTP edge's, and the simulation calls the router",
    ),
    only("tower-http", WEB, "middleware is the HTTP edge's"),
    only(
        "hyper",
        WIRE,
        "connections are the HTTP edge's and the load generator's",
    ),
    only(
        "hyper-util",
        WIRE,
        "connections are the HTTP edge's and the load generator's",
    ),
    only(
        "utoipa",
        &["kanso-protocol", "kanso-http"],
        "the wire types and routes describe themselves",
    ),
    only(
        "utoipa-axum",
        &["kanso-http"],
        "routes are described where they are",
    ),
    only(
        "utoipa-swagger-ui",
        &["kanso-http"],
        "pages are served by the HTTP edge",
    ),
    only(
        "rusqlite",
        FILES,
        "SQL is behind the storage port and in the client's own store",
    ),
    only(
        "tikv-jemallocator",
        &["kanso-server"],
        "the program chooses where its memory comes from",
    ),
    only(
        "refinery",
        STORES,
        "a schema is migrated by the store that owns it",
    ),
    only("deadpool", FILES, "connections are the store's"),
    only("tokio-postgres", POSTGRES, "SQL is behind the storage port"),
    only(
        "redis",
        &["kanso-redis"],
        "what servers share is behind ports",
    ),
    only("deadpool-postgres", POSTGRES, "connections are the store's"),
    only(
        "tokio-postgres-rustls",
        POSTGRES,
        "connections are the store's",
    ),
    only(
        "argon2",
        &["kanso-credentials"],
        "passwords are hashed in one place",
    ),
    only(
        "jsonwebtoken",
        &["kanso-credentials"],
        "tokens are signed and checked in one place",
    ),
    only(
        "getrandom",
        &["kanso-credentials", "kanso-local"],
        "randomness comes through a port",
    ),
    only(
        "reqwest",
        &[
            "kanso-client",
            "kanso-conformance",
            "kanso-bench",
            "kanso-chaos",
        ],
        "the server calls nobody",
    ),
    only(
        "config",
        &["kanso-server"],
        "settings are read in one place",
    ),
    only(
        "metrics",
        COUNTING,
        "what is counted happens at the edges; rules and use cases know nothing of it",
    ),
    only(
        "metrics-exporter-prometheus",
        &["kanso-server"],
        "what is counted is collected in one place",
    ),
    only(
        "stateright",
        &["kanso-model"],
        "what ships is not a model of itself",
    ),
    only("clap", PROGRAMS, "arguments belong to programs"),
    only(
        "anyhow",
        RUNNERS,
        "libraries have errors that a caller can match",
    ),
    only(
        "tokio",
        &[
            "kanso-http",
            "kanso-worker",
            "kanso-sqlite",
            "kanso-postgres",
            "kanso-credentials",
            "kanso-local",
            "kanso-redis",
            "kanso-testkit",
            "kanso-server",
            "kanso-client",
            "kanso-cli",
            "kanso-conformance",
            "kanso-bench",
            "kanso-chaos",
            "kanso-harness",
            "kanso-sim",
        ],
        "the rings inside know no runtime",
    ),
];

/// Public names that two crates define, because the crate says which one is meant.
pub(super) const SHARED_NAMES: &[Shared] = &[];

/// What a newcomer, a packager and a scanner look for.
pub(super) const REQUIRED_FILES: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/openapi.json",
];

const fn only(
    dependency: &'static str,
    users: &'static [&'static str],
    why: &'static str,
) -> Exclusive {
    Exclusive {
        dependency,
        users,
        why,
    }
}
