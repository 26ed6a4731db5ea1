#!/usr/bin/env bash
# Builds of one commit agree on the trace hash: compilers, optimisation, sanitizers. The toy node over
# twenty seeds, and every scenario over two, or five with QUORATE_FULL.
#   variants.sh SOURCE BUILD BIN-OF-THE-REFERENCE TOY-OF-THE-REFERENCE
set -euo pipefail
source=$1 build=$2 bin=$3 toy=$4
failed=0
seeds=2
[ -n "${QUORATE_FULL:-}" ] && seeds=5

hashes() {
    local programs=$1 toy_hash=$2
    "$toy_hash" 1 20
    for scenario in "$source"/scenarios/*.yaml; do
        for seed in $(seq $seeds); do
            # A run may fail its expectations; its hash is what counts here.
            "$programs/quorate" run "$scenario" --seed $seed --json |
                sed -E 's/.*"scenario":"([^"]*)","seed":([0-9]*).*"trace_hash":"([0-9a-f]*)".*/\1 \2 \3/'
        done
    done
}

variant() {
    local name=$1 compiler=$2 sanitize=$3 flags=$4
    cmake -S "$source" -B "$build/$name" -G Ninja -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" -DQUORATE_SANITIZE="$sanitize" \
        -DQUORATE_VARIANT=ON >/dev/null
    cmake --build "$build/$name" --target toy_hash quorate -- --quiet
    if got=$(hashes "$build/$name/bin" "$build/$name/tests/toy_hash") && [ "$got" = "$expected" ]; then
        echo "$name: the same $(wc -l <<<"$got") hashes"
    else
        echo "$name: other hashes"
        diff <(echo "$expected") <(echo "$got") || true
        failed=1
    fi
}

cd "$(mktemp -d)"
expected=$(hashes "$bin" "$toy")
variant gcc-O0 gcc OFF -O0
variant gcc-sanitized gcc ON -O1
variant clang-O2 clang OFF -O2
variant clang-sanitized clang ON -O1
exit $failed
