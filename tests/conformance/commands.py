"""The command lines that side_by_side.py runs, one a line, for a shell.

`ctl` is the client with the endpoints of its server, `bare` the client alone; `#` begins a remark.
$NEW is the ID of the member that was added last.
"""


def _each(text, *endings):
    return "\n".join(line + ending for line in lines(text) for ending in endings)


def lines(text):
    return [line for line in (raw.strip() for raw in text.splitlines()) if line and not line.startswith("#")]


FORMATS = ("", " -w simple", " -w table", " -w json", " -w fields", " -w protobuf", " --write-out=json")

# What the server of `reads` holds.
HISTORY = r"""
ctl put color blue
ctl put color green
ctl put colour grey
ctl put cold 1
ctl put colder 3
ctl put coldest 2
ctl put empty ''
ctl put gone soon
ctl del gone
ctl put "$(printf 'odd\tkey')" "$(printf 'line\nand "quote" \\ \001\177 \303\244\377')"
ctl put lease-less x --lease=0
"""

READS = _each(r"""
ctl get color
ctl get nothing
ctl get col --prefix
ctl get odd --prefix
ctl get empty
ctl get color --rev=2
ctl get cold --from-key --limit=2
ctl get col --prefix --keys-only
ctl get color colour
ctl member list
ctl endpoint status
ctl endpoint health
ctl endpoint hashkv
ctl endpoint hashkv --rev=4
ctl endpoint status --cluster
ctl endpoint health --cluster
ctl endpoint hashkv --cluster
ctl endpoint --cluster status
""", *FORMATS) + r"""
ctl get color --hex
ctl get odd --prefix --hex
ctl get color --hex --print-value-only
ctl get color --hex -w json
ctl get color --hex -w fields
ctl get color --print-value-only
ctl get color --print-value-only=false
ctl get color --print-value-only --keys-only
ctl get color --print-value-only -w json
ctl get color --keys-only --hex
ctl get '' --prefix
ctl get '' --from-key --keys-only
ctl get ''
ctl get "$(printf '\377')" --prefix
ctl get col --prefix --limit=0
ctl get col --prefix --limit=1
ctl get col --prefix --limit=1 -w json
ctl get col --prefix --limit=-1
ctl get col --prefix --limit=99
ctl get col --prefix --order=ASCEND
ctl get col --prefix --order=DESCEND
ctl get col --prefix --order=descend
ctl get col --prefix --order=bogus
ctl get col --prefix --order=
ctl get col --prefix --sort-by=KEY
ctl get col --prefix --sort-by=CREATE
ctl get col --prefix --sort-by=MODIFY
ctl get col --prefix --sort-by=VALUE
ctl get col --prefix --sort-by=VERSION
ctl get col --prefix --sort-by=value
ctl get col --prefix --sort-by=bogus
ctl get col --prefix --sort-by=CREATE --order=DESCEND
ctl get col --prefix --sort-by=MODIFY --order=DESCEND --limit=2
ctl get col --prefix --sort-by=VALUE --order=ASCEND
ctl get col --prefix --sort-by=VERSION --order=DESCEND
ctl get col --prefix --sort-by=KEY --order=DESCEND
ctl get color --rev=1
ctl get color --rev=3
ctl get color --rev=0
ctl get color --rev=-1
ctl get color --rev=999
ctl get gone --rev=9
ctl get gone --rev=10
ctl get color --consistency=l
ctl get color --consistency=s
ctl get color --consistency=x
ctl get color --consistency=
ctl get col --prefix --from-key
ctl get a b --prefix
ctl get a b --from-key
ctl get a b c
ctl get a z
ctl get z a
ctl get -- color
ctl get color --
ctl --hex get color
ctl -w json get color
ctl -wjson get color
ctl -w=json get color
ctl get -w=json color
ctl get color -w ''
ctl get color -w JSON
ctl get color --write-out json
ctl get color --endpoints="$E"
ctl get color --command-timeout=5s
ctl get color --dial-timeout=1s --keepalive-time=3s --keepalive-timeout=4s
ctl get color --debug
ctl get color --debug=true
ctl endpoint status --debug
ctl get color --insecure-transport
ctl get color --insecure-discovery=false
ctl get color --insecure-skip-tls-verify
ctl member list --debug
ctl member list --hex
ctl member list extra
ctl member remove 1
ctl member remove ffffffffffffffff
ctl member update 1 --peer-urls=http://127.0.0.1:1
ctl member promote 1
ctl member promote 0
ctl move-leader 1
ctl move-leader 1 -w json
ctl endpoint hashkv --rev=999
ctl endpoint hashkv --rev=-1
ctl endpoint hashkv --rev=0
ctl endpoint hashkv extra
ctl endpoint status extra
ctl endpoint health extra
bare --endpoints="$U" get color
bare --endpoints="$U" endpoint status
bare --endpoints="$U" endpoint health
bare --endpoints="$U" endpoint hashkv
bare --endpoints="$U" --endpoints="$E" endpoint status
bare --endpoints="$E," get color
bare --endpoints=",$E" get color
bare --endpoints="HTTP://$E" get color
bare --endpoints="$U/path" get color
bare --endpoints="$U/path" endpoint status
bare --endpoints=":${E#*:}" get color
bare --endpoints="localhost:${E#*:}" get color
bare --endpoints="$E,$U" endpoint status -w table
bare --endpoints="$E,$U" endpoint hashkv -w table
bare --endpoints="$E,$E" endpoint health -w table
bare --endpoints= get color
bare --endpoints= member list
bare --endpoints= endpoint status
bare --endpoints= endpoint health
bare --endpoints= endpoint hashkv
bare --endpoints= move-leader 1
bare version
bare version extra
bare get --endpoints "$E" color
bare get color --endpoints "$E"
ctl del nothing
ctl put color x --ignore-value
ctl put nothing --ignore-value
ctl put nothing x --ignore-lease
ctl put color x --lease=7
ctl put color x --lease=bogus
ctl put color --ignore-value extra
ctl put
printf '' | ctl put color
ctl member add m1 --peer-urls=bogus
ctl member add m1 --peer-urls=http://127.0.0.1
ctl member add m1 --peer-urls=ftp://127.0.0.1:1
ctl member add m1 --peer-urls=http://127.0.0.1:1/path
ctl member add m1 --peer-urls=http://a:1,bogus
ctl member add m1 --peer-urls=
ctl member add m1 --peer-urls='http://a b:1'
ctl member add m1 --peer-urls=':1'
ctl member add m1 --peer-urls='%zz'
ctl member update 1 --peer-urls=bogus
"""

# Every global flag as its variable, good, bad and twice.
VARIABLES = r"""
ETCDCTL_ENDPOINTS="$E" bare get color
ETCDCTL_ENDPOINTS="$E,$U" bare endpoint status
ETCDCTL_ENDPOINTS="$E" bare --endpoints="$E" get color
ETCDCTL_ENDPOINTS="$NOBODY" bare get color --command-timeout=200ms
ETCDCTL_ENDPOINTS= ctl get color
ETCDCTL_WRITE_OUT=json ctl get color
ETCDCTL_WRITE_OUT=json ctl endpoint status
ETCDCTL_WRITE_OUT=bogus ctl get color
ETCDCTL_WRITE_OUT=json ctl get color -w fields
ETCDCTL_WRITE_OUT=json ctl get color -w json
ETCDCTL_HEX=true ctl get color
ETCDCTL_HEX=false ctl get color
ETCDCTL_HEX=1 ctl get color
ETCDCTL_HEX=true ctl get color --hex
ETCDCTL_DEBUG=true ctl get color
ETCDCTL_COMMAND_TIMEOUT=3s ctl get color
ETCDCTL_COMMAND_TIMEOUT=3s ctl get color --command-timeout=3s
ETCDCTL_COMMAND_TIMEOUT=200ms ETCDCTL_ENDPOINTS="$NOBODY" bare get color
ETCDCTL_DIAL_TIMEOUT=1s ctl get color
ETCDCTL_DIAL_TIMEOUT=1s ctl get color --dial-timeout=1s
ETCDCTL_KEEPALIVE_TIME=12s ctl get color
ETCDCTL_KEEPALIVE_TIME=12s ctl get color --keepalive-time=12s
ETCDCTL_KEEPALIVE_TIMEOUT=12s ctl get color
ETCDCTL_KEEPALIVE_TIMEOUT=1s ctl get color --keepalive-timeout=1s
ETCDCTL_INSECURE_TRANSPORT=true ctl get color
ETCDCTL_INSECURE_TRANSPORT=true ctl get color --insecure-transport
ETCDCTL_INSECURE_DISCOVERY=true ctl get color
ETCDCTL_INSECURE_DISCOVERY=true ctl get color --insecure-discovery
ETCDCTL_INSECURE_SKIP_TLS_VERIFY=true ctl get color
ETCDCTL_INSECURE_SKIP_TLS_VERIFY=true ctl get color --insecure-skip-tls-verify
ETCDCTL_CACERT=a ctl get color --cacert=b
ETCDCTL_CERT=a ctl get color --cert=b
ETCDCTL_KEY=a ctl get color --key=b
ETCDCTL_USER=a ctl get color --user=b
ETCDCTL_PASSWORD=a ctl get color --password=b
ETCDCTL_DISCOVERY_SRV=a ctl get color --discovery-srv=b
ETCDCTL_DISCOVERY_SRV_NAME=a ctl get color --discovery-srv-name=b
ETCDCTL_UNKNOWN=a ctl get color
ETCDCTL_PREFIX=true ctl get col
ETCDCTL_LIMIT=x ctl get col
ETCDCTL_HEX=true ETCDCTL_WRITE_OUT=json bare get color --endpoints="$E"
ETCDCTL_HEX=x ctl member
"""

# Nobody is asked: usage, mistakes.
ARGUMENTS = r"""
bare
bare help
bare --help
bare -h
bare help get
bare help member
bare help member add
bare help bogus
bare get --help
bare get -h
bare put --help
bare del --help
bare version --help
bare member
bare member --help
bare member list --help
bare member add --help
bare member remove --help
bare member promote --help
bare member update --help
bare member bogus
bare endpoint
bare endpoint --help
bare endpoint status --help
bare endpoint health --help
bare endpoint hashkv --help
bare endpoint bogus
bare move-leader --help
bare bogus
bare --bogus
bare -z
bare get a --bogus
bare get a --bogus=1
bare get a -z
bare get a -zx
bare get a --limit
bare get a --limit=x
bare get a --limit=1.5
bare get a --limit=99999999999999999999
bare get a --rev=x
bare get a --rev=0x10 --order=bogus
bare get a --prefix=maybe
bare get a --prefix --from-key
bare get a --hex=x
bare get a --command-timeout
bare get a --command-timeout=x
bare get a --command-timeout=5
bare get a --command-timeout=5q
bare get a --command-timeout=
bare get a --command-timeout=1h2x
bare get a --order
bare get a -w
bare get a -w bogus
bare get a -wbogus
bare get a --consistency=x
bare get a --print-value-only=x
bare get
bare get --prefix
bare get a b --prefix
bare get a b --from-key
bare put
bare put --ignore-value
bare put a b --lease=
bare put a b --lease=x
bare put a b --lease=-0x1
bare put a b --lease=8000000000000000
bare put a b --ignore-value
bare put a b --prev-kv=x
bare put a b --prefix
bare put a b --rev=1
bare put a b -w bogus
bare del
bare del --prefix
bare del a b --prefix
bare del a b --from-key
bare del a --prefix --from-key
bare del a --limit=1
bare del a -w bogus
bare member list --bogus
bare member list -w bogus
bare member list --peer-urls=x
bare member add
bare member add a
bare member add a b
bare member add a http://b:1
bare member add a HTTP://b:1 https://c:2
bare member add a --peer-urls
bare member add a --peer-urls=
bare member add a --peer-urls=x
bare member add a --learner=x --peer-urls=http://a:1
bare member add a --peer-urls=http://a:1 -w bogus
bare member remove
bare member remove a b
bare member remove x
bare member remove ''
bare member remove -1
bare member remove 0x1
bare member remove 1ffffffffffffffff
bare member remove 1 --bogus
bare member remove 1 -w bogus
bare member promote
bare member promote 1 2
bare member promote g
bare member promote 1 --learner
bare member update
bare member update 1
bare member update x
bare member update 1 2
bare member update x --peer-urls=http://a:1
bare member update 1 --peer-urls=
bare member update 1 --peer-urls=a:1
bare endpoint status --bogus
bare endpoint status --rev=1
bare endpoint status -w bogus
bare endpoint status --cluster=x
bare endpoint health -w bogus
bare endpoint health --rev=1
bare endpoint hashkv -w bogus
bare endpoint hashkv --rev=x
bare endpoint hashkv --rev
bare endpoint hashkv --limit=1
bare move-leader
bare move-leader 1 2
bare move-leader x
bare move-leader 1 -w bogus
bare move-leader ''
bare version --bogus
bare --endpoints
bare --endpoints= get a
bare --endpoints=, get a
bare get a --endpoints=
"""

# From here on each client has a server of its own.
WRITES = _each(r"""
ctl put a 1
ctl put a 2 --prev-kv
ctl put new 1 --prev-kv
ctl put a --ignore-value
ctl put a 3 --ignore-lease
ctl put a --ignore-value --prev-kv
printf 'from input' | ctl put b
ctl del a --prev-kv
ctl del new
ctl del nothing
""", *FORMATS) + r"""
ctl put c1 x
ctl put c2 y
ctl put c3 z
ctl put d1 z
ctl put d2 z
ctl put '' x
ctl put c1 ''
ctl put -- -k -v
ctl put e -- -v
ctl get -- -k
ctl put c4 v --hex --prev-kv
ctl put c4 w --hex --prev-kv
printf '\000\377bytes\n' | ctl put bytes
ctl get bytes --hex
ctl get bytes -w json
ctl get bytes -w fields
printf 'line\n' | ctl put --prev-kv bytes
printf 'ignored' | ctl put given value
ctl get given
ctl put a b c
ctl get a -w fields
ctl put k v --lease=0x0
ctl put k v --lease=12ab
ctl del c1 c3
ctl del c --prefix --prev-kv
ctl del d2 --from-key --prev-kv --hex
ctl del '' --prefix -w json
ctl del ''
ctl del a b c
ctl get '' --prefix
ctl put after 1 -w json
ctl endpoint hashkv
ctl endpoint hashkv --rev=5
ctl endpoint hashkv -w json
ctl endpoint status
head -c 1600000 /dev/zero | tr '\0' x | ctl put large
head -c 2200000 /dev/zero | tr '\0' x | ctl put larger
"""

MEMBERS = r"""
ctl member list
ctl member add l1 --learner --peer-urls=http://127.0.0.1:9
ctl member list
ctl member list -w table
ctl member list -w json
ctl member list -w fields
ctl member add l2 --learner --peer-urls=http://127.0.0.1:10
ctl member add l2 --learner --peer-urls=http://127.0.0.1:9,http://127.0.0.1:20
ctl member promote $NEW
ctl member promote $NEW -w json
ctl member update $NEW --peer-urls=http://127.0.0.1:11,http://127.0.0.1:12
ctl member update $NEW --peer-urls=http://127.0.0.1:11 -w json
ctl member update $NEW --peer-urls=http://127.0.0.1:11 -w fields
ctl member update $NEW --peer-urls=http://127.0.0.1:11 -w table
ctl member list -w table
ctl member remove $NEW -w table
ctl member remove $NEW
ctl member remove $NEW
ctl member add l3 --learner --peer-urls=http://127.0.0.1:13,http://127.0.0.1:14 -w json
ctl member remove $NEW -w json
ctl member add l4 --learner --peer-urls=http://127.0.0.1:15 -w table
ctl member list
# The story's fifth session: the quorum moves with the command.
ctl member add 'infra"2' --peer-urls=http://127.0.0.1:17
ctl member list -w table
ctl member add infra3 --peer-urls=http://127.0.0.1:18
ctl member add infra3 --peer-urls=http://127.0.0.1:18 -w json
ctl member add infra3 --learner --peer-urls=http://127.0.0.1:18
ctl member remove $NEW --command-timeout=3s
ctl put k v --command-timeout=300ms
ctl get k --command-timeout=300ms
ctl get k --consistency=s
ctl endpoint health --command-timeout=300ms
ctl endpoint health --command-timeout=300ms -w json
ctl endpoint health --command-timeout=300ms -w table
ctl endpoint hashkv
ctl member list
"""

THREE = _each(r"""
bare --endpoints=$TWO member list
ctl endpoint status
ctl endpoint health
ctl endpoint hashkv
bare --endpoints=$TWO endpoint status --cluster
bare --endpoints=$TWO endpoint health --cluster
bare --endpoints=$TWO endpoint hashkv --cluster
bare --endpoints=$TWO,$ONE endpoint status
bare --endpoints=$TWO,$ONE endpoint hashkv --rev=1
""", *FORMATS) + r"""
ctl move-leader 1
ctl move-leader $FOLLOWER --bogus
"""

# To another member and back again.
MOVES = r"""
ctl move-leader $NEXT
bare --endpoints=$LEADER move-leader $NEXT
"""

ONE_DEAD = _each(r"""
ctl --command-timeout=1s endpoint status
ctl --command-timeout=1s endpoint health
ctl --command-timeout=1s endpoint hashkv
bare --endpoints=$ONE --command-timeout=1s endpoint status --cluster
bare --endpoints=$ONE --command-timeout=1s endpoint health --cluster
""", "", " -w table", " -w json", " -w fields") + r"""
ctl --command-timeout=1s endpoint hashkv -w protobuf
ctl --command-timeout=1s endpoint status -w protobuf
ctl --command-timeout=1s endpoint health -w protobuf
bare --endpoints=$NOBODY,$ONE,$SILENT get k
bare --endpoints=$SILENT,$ONE member list
bare --endpoints=$NOBODY --command-timeout=300ms put k v
bare --endpoints=$NOBODY --command-timeout=300ms get k
bare --endpoints=$NOBODY --command-timeout=300ms member list
bare --endpoints=$NOBODY --command-timeout=300ms member add m --peer-urls=http://127.0.0.1:9
bare --endpoints=$NOBODY --command-timeout=300ms endpoint status
bare --endpoints=$NOBODY --command-timeout=300ms endpoint status -w json
bare --endpoints=$NOBODY --command-timeout=300ms endpoint status -w table
bare --endpoints=$NOBODY --command-timeout=300ms endpoint health -w fields
bare --endpoints=$NOBODY --command-timeout=300ms endpoint hashkv -w json
bare --endpoints=$NOBODY --command-timeout=300ms endpoint status --cluster
bare --endpoints=$NOBODY --command-timeout=300ms endpoint health --cluster
bare --endpoints=$NOBODY --command-timeout=300ms endpoint hashkv --cluster
bare --endpoints=$NOBODY --command-timeout=300ms move-leader 1
bare --endpoints=$SILENT --command-timeout=300ms put k v
bare --endpoints=$SILENT --command-timeout=300ms endpoint health
bare --endpoints=no.such.host.invalid:1 --command-timeout=300ms get k
bare --endpoints=bogus --command-timeout=300ms get k
bare --endpoints=https://$ONE --command-timeout=300ms get k
bare --endpoints=https://$ONE --command-timeout=300ms endpoint status
bare --endpoints=ftp://$ONE --command-timeout=300ms get k
bare --endpoints=$ONE/path --command-timeout=300ms get k
bare --endpoints=127.0.0.1 --command-timeout=300ms get k
bare --endpoints=unix:///no/such/socket --command-timeout=300ms get k
bare --endpoints=http:// --command-timeout=300ms get k
bare --endpoints=$NOBODY --command-timeout=0s get k
bare --endpoints=$NOBODY --command-timeout=-1s get k
"""


def _variable(name, value, what):
    return (f"ETCDCTL_{name}={value} ctl get color", "", f'Error: invalid value "{value}" for ETCDCTL_{name}: {what}\n', 1)


def _bool(name, value):
    return _variable(name, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')


def _unknown(name):
    return (f"Error: unknown command \"{name}\" for \"quoratectl\"\nRun 'quoratectl --help' for usage.\n"
            f"Error: unknown command \"{name}\" for \"quoratectl\"\n")


# Where quoratectl answers otherwise on purpose, by why: command line, output, error output, status.
ON_PURPOSE = {
    "etcdctl takes a variable that it cannot read for none at all, and goes on": [
        _bool("HEX", "maybe"),
        _bool("DEBUG", "x"),
        _bool("INSECURE_TRANSPORT", "x"),
        _bool("INSECURE_DISCOVERY", "x"),
        _bool("INSECURE_SKIP_TLS_VERIFY", "x"),
        _variable("COMMAND_TIMEOUT", "x", 'time: invalid duration "x"'),
        _variable("COMMAND_TIMEOUT", "5", 'time: missing unit in duration "5"'),
        _variable("DIAL_TIMEOUT", "x", 'time: invalid duration "x"'),
        _variable("KEEPALIVE_TIME", "12", 'time: missing unit in duration "12"'),
        _variable("KEEPALIVE_TIMEOUT", "-x", 'time: invalid duration "-x"'),
    ],
    "etcdctl calls an empty variable an unknown one": [
        ("ETCDCTL_CACERT= bare --endpoints= get a", "", "Error: etcdclient: no available endpoints\n", 2),
    ],
    "etcdctl guesses which command was meant": [
        ("bare --bogus get a", "", _unknown("a"), 1),
        ("bare gett", "", _unknown("gett"), 1),
    ],
    "etcdctl's commands that are not built yet say so": [
        ("ctl watch a", "", "Error: watch is not built yet\n", 2),
        ("ctl lease grant 10", "", "Error: lease is not built yet\n", 2),
        ("ctl --user=root get a", "", "Error: authentication is not built yet\n", 2),
        ("ctl --cacert=ca.crt get a", "", "Error: TLS is not built yet\n", 2),
        ("ctl --insecure-transport=false get a", "", "Error: TLS is not built yet\n", 2),
        ("ctl --discovery-srv=example.com get a", "", "Error: discovery is not built yet\n", 2),
    ],
}
