# Shared by deploy/quickstart and deploy/test; sourced, not run.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 2; }

# install_packages build|test ...: installs what deploy/packages.txt lists for these columns and is missing.
install_packages() {
    command -v dpkg-query >/dev/null || die "this needs Debian 12 (dpkg is missing); install by hand what deploy/packages.txt lists"
    local wanted column package missing=""
    wanted=" $* "
    while read -r column package; do
        case "$column" in ''|\#*) continue ;; esac
        case "$wanted" in *" $column "*) ;; *) continue ;; esac
        # node and npm may come from elsewhere: what counts is that they run
        case "$package" in
            nodejs) command -v node >/dev/null && continue ;;
            npm) command -v npm >/dev/null && continue ;;
        esac
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done < "$root/deploy/packages.txt"
    [ -n "$missing" ] || return 0
    local as=""
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing and only root can install them:$missing"
        as="sudo"
    fi
    say "installing:$missing"
    $as apt-get update -qq >&2 || die "apt-get update failed"
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $as apt-get install -y -qq --no-install-recommends $missing >&2 ||
        die "apt-get could not install:$missing"
}

# build PRESET [TARGET ...]: configures once and builds, quietly unless it fails.
build() {
    local preset="$1" log="$root/build/$1.log"
    shift
    mkdir -p "$root/build"
    (cd "$root" && cmake --preset "$preset" ${CS_CORPUS_DIR:+-DCS_CORPUS_DIR="$CS_CORPUS_DIR"} &&
        cmake --build --preset "$preset" ${*:+--target "$@"}) > "$log" 2>&1 || { tail -n 40 "$log" >&2; die "building preset $preset failed; all of it: $log"; }
}
