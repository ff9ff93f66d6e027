export const HELP = `gantry: a WAMP v2 router

usage:
  gantry [start] [options]     run a router node until SIGTERM or SIGINT
  gantry check [FILE]          check whether a configuration can be used
  gantry convert crossbar FILE translate a configuration of Crossbar.io to YAML on standard output
  gantry config [options]      print the configuration in effect as YAML, secrets masked
  gantry config --schema       print the JSON schema of the configuration file
  gantry config --env          print every environment variable with type, default and meaning

clients of a router; each prints more with --help:
  gantry call PROCEDURE [ARGUMENT…]
                               call a procedure and print its result
  gantry publish TOPIC [ARGUMENT…]
                               publish an event
  gantry subscribe TOPIC       print the events of a topic
  gantry register PROCEDURE -- COMMAND
                               answer calls by running a command
  gantry meta sessions         show the sessions of a realm, or call another procedure of the router
  gantry top [URL…]            show sessions and rates of nodes
  gantry bench [call|publish]  measure calls or publications of several sessions

credentials for the configuration, from a secret on standard input:
  gantry hash-ticket           SHA-256 of a ticket
  gantry cra-key               key of a WAMP-CRA user
                               [--salt TEXT] [--iterations N] [--keylen BYTES]
  gantry scram-keys --dialect wamp-scram|scram
                               keys of a SCRAM principal; scram: for autobahn-python and Crossbar.io
                               [--kdf pbkdf2|argon2id] [--salt HEX] [--iterations N] [--memory-kib N]
  gantry keygen [--out FILE]   a new Ed25519 key pair for cryptosign; FILE gets the private key

shells:
  gantry completion bash|zsh|fish
                               print a script that completes commands and options

options:
  -c, --config FILE            configuration file, YAML or JSON (also: GANTRY_CONFIG)
      --host HOST              address to accept clients at (listen.host)
      --port PORT              port to accept clients at (listen.port)
      --ops-port PORT          port of health and metrics (ops.port)
      --log-level LEVEL        trace, debug, info, warn, error, fatal or silent (log.level)
      --processes N|auto       processes that share the port, one for each core: auto (processes)
      --set PATH=VALUE         any setting; lists and sections as JSON; repeatable
  -v, --version                print the version
  -h, --help                   print this

exit codes:
  0  done        1  configuration, start or shutdown failed, or a WAMP error        2  wrong usage
  3  a client is not connected        70  a bug
`;
