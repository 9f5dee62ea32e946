#!/usr/bin/env bash
# Brings what the slow tests need beyond Python: PostgreSQL, Redis, Chromium, the
# original's SDKs for Node and Python, what the examples are written with (Node, Ruby,
# Java), and wrk for the benchmark. Installs it as
# root on Debian, and elsewhere says what is missing and what is not tested for it. It never fails:
# the tests know best what they can do without.
set -u
cd "$(dirname "$0")" || exit

main() {
    local missing
    missing=$(missing_packages)
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            # shellcheck disable=SC2086
            install_packages $missing
        else
            say_what_is_missing "$missing"
        fi
    fi
    install_javascript_sdk
    install_python_sdk
    install_javascript_example
    install_java_example
}

missing_packages() {
    local missing=()
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
        command -v initdb >/dev/null || missing+=(postgresql)
    ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 ||
        missing+=(postgresql-postgis)
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        missing+=(chromium)
    command -v wrk >/dev/null || missing+=(wrk)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v ruby >/dev/null || missing+=(ruby)
    ruby -rjwt -e '' 2>/dev/null || missing+=(ruby-jwt)
    ruby -rminitest -e '' 2>/dev/null || missing+=(ruby-minitest)
    ruby -rwebrick -e '' 2>/dev/null || missing+=(ruby-webrick)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    echo "${missing[@]}"
}

install_packages() {
    echo "Installing Debian packages: $*"
    # The tests start a cluster of their own; Debian's package would make and
    # start another one that nobody here wants.
    local settings=/etc/postgresql-common/createcluster.d
    local setting=$settings/skylogin-tests.conf
    mkdir -p $settings
    echo 'create_main_cluster = false' >$setting
    # Nor a Redis that starts with the machine.
    local policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update >/dev/null &&
        apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >/dev/null ||
        echo "Some of these packages could not be installed: $*" >&2
    [ -z "$policy" ] || rm -f $policy
    rm -f $setting
    rmdir $settings 2>/dev/null
}

say_what_is_missing() {
    echo "Not installed, and only root on Debian can have it done here: $1"
    local package
    for package in $1; do
        case $package in
        postgresql) echo "- postgresql: nothing is tested on PostgreSQL" ;;
        postgresql-postgis) echo "- postgresql-postgis: importing a real Skygear database is not tested" ;;
        redis-server) echo "- redis-server: access tokens in Redis are not tested" ;;
        chromium) echo "- chromium: the original's JavaScript SDK is not tested in a browser" ;;
        wrk) echo "- wrk: no benchmark" ;;
        nodejs | npm) echo "- $package: neither the original's JavaScript SDK nor the example is tested" ;;
        ruby*) echo "- $package: the example in Ruby is not tested" ;;
        default-jdk-headless | maven) echo "- $package: the example in Java is not tested" ;;
        esac
    done
}

install_javascript_sdk() {
    command -v node >/dev/null && command -v npm >/dev/null || return
    (
        cd sdk || exit
        # A copy of what was asked for lies beside what came of it.
        cmp -s package.json node_modules/.installed.json && exit
        echo "Installing the original's JavaScript SDK"
        npm install --no-audit --no-fund --loglevel=error >/dev/null &&
            cp package.json node_modules/.installed.json ||
            echo "npm could not install it: the JavaScript SDK is not tested" >&2
    )
}

# An environment of its own, because the SDK needs other versions than the server.
install_python_sdk() {
    local asked=sdk/python_sdk.txt made=sdk/.python_sdk
    cmp -s $asked $made/installed.txt && return
    echo "Installing the original's Python SDK"
    rm -rf $made
    # Held to no versions but its own, which old packages are built with too.
    env -u PIP_CONSTRAINT -u PIP_BUILD_CONSTRAINT bash -c "
        ../.venv/bin/python -m venv $made &&
            $made/bin/python -m pip install --quiet --no-deps -r $asked
    " && cp $asked $made/installed.txt ||
        echo "pip could not install it: the Python SDK is not tested" >&2
}

install_javascript_example() {
    command -v node >/dev/null && command -v npm >/dev/null || return
    (
        cd ../examples/javascript || exit
        cmp -s package.json node_modules/.installed.json && exit
        echo "Installing what the example in JavaScript needs"
        npm install --no-audit --no-fund --loglevel=error >/dev/null &&
            cp package.json node_modules/.installed.json ||
            echo "npm could not install it: the example in JavaScript is not tested" >&2
    )
}

# The tests run Maven offline, so everything is asked for once: to compile, to test,
# and to run a program.
install_java_example() {
    command -v mvn >/dev/null && command -v javac >/dev/null || return
    (
        cd ../examples/java || exit
        cmp -s pom.xml target/.installed.xml && [ -d ~/.m2/repository/io/jsonwebtoken ] && exit
        echo "Having Maven bring what the example in Java needs"
        mvn -q -B test -Dtest=AuthServerTest >/dev/null &&
            mvn -q -B exec:java -Dexec.mainClass=com.example.auth.Passwords -Dexec.args=x >/dev/null &&
            cp pom.xml target/.installed.xml ||
            echo "Maven could not do it: the example in Java is not tested" >&2
    )
}

main
exit 0
