#!/bin/sh
# Builds the programs of a release, and lists what they contain.
#
#     deploy/release.sh FOLDER
#
# FOLDER gets the programs, a CycloneDX bill of materials for each, and their checksums. The programs carry
# the list of their crates (cargo-auditable), so that `cargo audit bin FILE` and scanners of images find it.
set -eu
cd "$(dirname "$0")/.."
folder=$1
mkdir -p "$folder"

command -v cargo-auditable >/dev/null || cargo install cargo-auditable --version 0.7.7 --locked
cargo auditable build --profile dist --locked --package kanso-server --package kanso-cli
for program in kanso-server kanso; do
    cp "target/dist/$program" "$folder/$program"
    strip "$folder/$program"
done
cargo --locked run --quiet --package xtask -- sbom --package kanso-server >"$folder/kanso-server.cdx.json"
cargo --locked run --quiet --package xtask -- sbom --package kanso-cli >"$folder/kanso.cdx.json"
cd "$folder"
sha256sum kanso-server kanso kanso-server.cdx.json kanso.cdx.json >SHA256SUMS
