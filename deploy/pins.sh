#!/bin/sh
# Names actions and images by what they contain, because a tag can be moved.
#
#     deploy/pins.sh           lists what is not named by its commit or digest, and fails if there is any
#     deploy/pins.sh update    asks GitHub and the registries, and writes commits and digests into the files
#
# The update needs git and `docker buildx`. Read the changes before you commit them: the new digest is
# whatever the registry answers now.
set -eu
cd "$(dirname "$0")/.."
workflows=.github/workflows/*.yml
images='docker-compose.yml deploy/Dockerfile'

# Lines such as `uses: OWNER/NAME@REFERENCE # VERSION`.
actions() {
    # shellcheck disable=SC2086
    sed -n 's/^ *\(- \)\{0,1\}uses: *\([^ ]*@[^ ]*\).*/\2/p' $workflows | sort -u
}

# Images of other projects, with their digest if they have one.
images() {
    # shellcheck disable=SC2086
    sed -n -e 's/^ *image: *\([a-z][^ ]*:[^ ]*\).*/\1/p' -e 's/^FROM \([^ ]*:[^ ]*\).*/\1/p' $images | sort -u
}

list() {
    actions | grep -Ev '@[0-9a-f]{40}$' || true
    images | grep -v '@sha256:' || true
}

update() {
    for workflow in $workflows; do
        sed -n 's/.*uses: *\([^ @]*\)@\([^ ]*\) *\(# *\(v[0-9.]*\)\)\{0,1\}.*/\1 \2 \4/p' "$workflow" | sort -u |
            while read -r action reference version; do
                version=${version:-$reference}
                repository=$(echo "$action" | cut -d/ -f1-2)
                # The second line of an annotated tag is its commit.
                commit=$(git ls-remote "https://github.com/$repository" \
                    "refs/tags/$version" "refs/tags/$version^{}" | tail -n 1 | cut -f1)
                [ -n "$commit" ] || { echo "$action has no tag $version" >&2; exit 1; }
                sed -i "s|$action@$reference.*|$action@$commit # $version|" "$workflow"
            done
    done
    for image in $(images); do
        tag=${image%@*}
        digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
        # shellcheck disable=SC2086
        sed -i "s|$image|$tag@$digest|" $images
    done
}

case ${1:-list} in
list)
    loose=$(list)
    [ -z "$loose" ] || { echo "$loose"; exit 1; }
    ;;
update) update ;;
*) echo "usage: deploy/pins.sh [list|update]" >&2; exit 2 ;;
esac
