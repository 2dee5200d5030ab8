//! The tables of the rules: allowed dependencies, shared names and required files. ARCHITECTURE.md explains
//! the dependencies.

use super::names::Shared;

/// Allowed dependencies of one crate of the workspace.
pub(super) struct CrateRule {
    pub(super) name: &'static str,
    /// Crates of the workspace that it may use.
    pub(super) workspace: &'static [&'static str],
    /// Crates of the workspace that its tests may use in addition.
    pub(super) in_tests: &'static [&'static str],
    /// Crates from outside that it may use. Its tests may use any.
    pub(super) outside: Outside,
}

/// Allowed crates from outside the workspace.
#[derive(Clone, Copy)]
pub(super) enum Outside {
    Any,
    Only(&'static [&'static str]),
}

/// A crate from outside that only `users` may use, except in tests.
pub(super) struct Exclusive {
    pub(super) dependency: &'static str,
    pub(super) users: &'static [&'static str],
    pub(super) why: &'static str,
}

const KIT: &[&str] = &["kanso-testkit"];

/// Allowed dependencies. A crate depends only on inner rings, an edge never on an edge, and only the server
/// on all edges.
pub(super) const CRATES: &[CrateRule] = &[
    CrateRule {
        name: "kanso-domain",
        workspace: &[],
        in_tests: KIT,
        outside: Outside::Only(&[
            "icu_normalizer",
            "icu_properties",
            "idna",
            "jiff",
            "thiserror",
            "uuid",
        ]),
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
        // While Redis is unreachable, the in-process adapter continues alone.
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
        // It checks servers from outside. With shared code a mistake in the code would be in the check too.
        name: "kanso-conformance",
        workspace: &[],
        in_tests: &["kanso-server", "kanso-testkit"],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-harness",
        // It starts servers and reads the wire for the programs that test servers from outside.
        workspace: &["kanso-domain", "kanso-protocol", "kanso-testkit"],
        in_tests: &[],
        outside: Outside::Any,
    },
    CrateRule {
        name: "kanso-chaos",
        // Its devices use the wire types, and its checks use the domain's rules.
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
        // It fills storages directly with states that no client can produce.
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
        // It runs the whole system in one process, except the adapters that need a socket.
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
        // It is a specification that is independent of the code; its tests compare the two.
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

/// Drivers and frameworks, and the crates that may use each.
pub(super) const EXCLUSIVE: &[Exclusive] = &[
    only("axum", WEB, "only handlers read requests"),
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
        "the schema is derived from the wire types and routes",
    ),
    only(
        "utoipa-axum",
        &["kanso-http"],
        "routes are described beside their handlers",
    ),
    only(
        "utoipa-swagger-ui",
        &["kanso-http"],
        "the HTTP edge serves the pages",
    ),
    only(
        "rusqlite",
        FILES,
        "SQL is behind the storage port and in the client's own store",
    ),
    only(
        "tikv-jemallocator",
        &["kanso-server"],
        "only a program chooses its allocator",
    ),
    only(
        "refinery",
        STORES,
        "a schema is migrated by the store that owns it",
    ),
    only("deadpool", STORES, "connections are the store's"),
    only("tokio-postgres", POSTGRES, "SQL is behind the storage port"),
    only(
        "redis",
        &["kanso-redis"],
        "state that servers share is behind ports",
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
        "the server makes no HTTP requests",
    ),
    only(
        "config",
        &["kanso-server"],
        "settings are read in one place",
    ),
    only(
        "metrics",
        COUNTING,
        "only the edges count; rules and use cases have no metrics",
    ),
    only(
        "metrics-exporter-prometheus",
        &["kanso-server"],
        "metrics are exported in one place",
    ),
    only("stateright", &["kanso-model"], "only the model is explored"),
    only("clap", PROGRAMS, "arguments belong to programs"),
    only(
        "anyhow",
        RUNNERS,
        "a library returns errors that a caller can match",
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
        "the inner rings do not depend on a runtime",
    ),
];

/// Public names that two crates define, because the crate says which one is meant.
pub(super) const SHARED_NAMES: &[Shared] = &[
    shared(
        "Clock",
        "the server's port and the client's: each ring has its own source of time",
    ),
    shared(
        "Ids",
        "the server's port and the client's, as for the clock",
    ),
    shared(
        "SystemClock",
        "the machine's clock behind each of the two ports named Clock",
    ),
    shared(
        "Journal",
        "the records that statistics read, from the server's storage and from the replica",
    ),
    shared(
        "OpenError",
        "each store has its own, and only the assembly of the server names both",
    ),
    shared("EntryKind", WIRE_FORM),
    shared("HabitType", WIRE_FORM),
    shared("FrequencyType", WIRE_FORM),
    shared("TargetDirection", WIRE_FORM),
];

const WIRE_FORM: &str = "the wire form of the domain's type";

/// Standard files of a repository, which packagers and scanners look for by name.
pub(super) const REQUIRED_FILES: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/openapi.json",
];

const fn shared(name: &'static str, why: &'static str) -> Shared {
    Shared { name, why }
}

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
