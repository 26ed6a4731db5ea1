#!/usr/bin/env bash
# Builds of one commit agree on the trace hash: compilers, optimisation, sanitizers.
# variants.sh SOURCE BUILD REFERENCE-PROGRAM
set -euo pipefail
source=$1 build=$2 reference=$3
seeds=(1 20)

expected=$("$reference" "${seeds[@]}")
failed=0

variant() {
    local name=$1 compiler=$2 sanitize=$3 flags=$4
    command -v "$compiler" >/dev/null || { echo "$name: skipped, no $compiler"; return; }
    cmake -S "$source" -B "$build/$name" -G Ninja -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" -DQUORATE_SANITIZE="$sanitize" \
        -DQUORATE_VARIANT=ON >/dev/null
    cmake --build "$build/$name" --target toy_hash -- --quiet
    if got=$("$build/$name/tests/toy_hash" "${seeds[@]}") && [ "$got" = "$expected" ]; then
        echo "$name: same hashes"
    else
        echo "$name: other hashes"
        diff <(echo "$expected") <(echo "$got") || true
        failed=1
    fi
}

variant gcc-O0 gcc OFF -O0
variant gcc-sanitized gcc ON -O1
variant clang-O2 clang OFF -O2
variant clang-sanitized clang ON -O1
exit $failed
