#!/usr/bin/env bash
# StarCraft II 4.10 for Linux and SMAC's maps, for the environment smac. `--help` says more.
set -euo pipefail

GAME_URL=https://blzdistsc2-a.akamaihd.net/Linux/SC2.4.10.zip
LICENCE_URL=https://blzdistsc2-a.akamaihd.net/AI_AND_MACHINE_LEARNING_LICENSE.html
README_URL=https://github.com/Blizzard/s2client-proto#downloads
MAPS_URL=https://github.com/oxwhirl/smac/releases/download/v0.1-beta1/SMAC_Maps.zip
BUILD=75689
FREE_GIB=12 # the archive takes 4 GiB, and what is in it 4 to 5 GiB

usage() {
  cat <<HELP
Usage: install_sc2.sh [--accept-licence] [--maps-only] [--dry-run] [FOLDER]

Installs StarCraft II 4.10 (build $BUILD, without a screen) and the maps of SMAC
into FOLDER [default: ~/StarCraftII], which must not exist yet.

Both are downloaded, about 4 GiB:
  the game, from Blizzard:
    $GAME_URL
  the maps, from SMAC:
    $MAPS_URL

The game is Blizzard's and not free software. Whoever uses it must agree to
Blizzard's AI and Machine Learning License:
  $LICENCE_URL
Blizzard protects the archive with a password, and says that whoever types it
agrees to be bound by this licence. The password stands in Blizzard's README:
  $README_URL
This script does not know it: it asks you to type it.

Options:
  --accept-licence  go ahead, and ask for the password; without it, only this
                    text is shown
  --maps-only       add the maps to a game that is in FOLDER already
  --dry-run         show what would be done, and do nothing
  -h, --help        show this text
HELP
}

fail() {
  echo "Error: $*" >&2
  exit 1
}

# Runs a command, or only shows it.
run() {
  if [ "$dry_run" = yes ]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

download() { # URL FILE
  if [ -e "$2" ]; then
    echo "$2 is there already."
    return
  fi
  # Goes on where an earlier download was interrupted.
  run curl --fail --location --retry 3 --continue-at - --output "$2.part" "$1"
  run mv "$2.part" "$2"
}

accepted=no dry_run=no maps_only=no folder=
while [ $# -gt 0 ]; do
  case $1 in
    --accept-licence) accepted=yes ;;
    --maps-only) maps_only=yes ;;
    --dry-run) dry_run=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) fail "unknown option $1; see scripts/install_sc2.sh --help" ;;
    *)
      [ -z "$folder" ] || fail "more than one folder: $folder, $1"
      folder=$1
      ;;
  esac
  shift
done
folder=${folder:-~/StarCraftII}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac

if [ "$maps_only" = no ] && [ "$accepted" = no ] && [ "$dry_run" = no ]; then
  usage
  echo
  fail "nothing was done: read the licence, then give --accept-licence."
fi
[ "$(uname -s)" = Linux ] || fail "these packages are for Linux only; this is $(uname -s)."
for tool in curl unzip; do
  command -v "$tool" >/dev/null || fail "$tool is not installed."
done

maps=$folder/Maps/SMAC_Maps
if [ "$maps_only" = yes ]; then
  [ "$dry_run" = yes ] || [ -d "$folder/Versions" ] || fail "$folder holds no StarCraft II (no Versions folder)."
  [ ! -e "$maps" ] || fail "$maps is there already; nothing is overwritten."
else
  [ ! -e "$folder" ] || fail "$folder is there already; nothing is overwritten. (--maps-only adds the maps.)"
fi

# Beside the folder, so that the last step is a rename.
work=$folder.download
run mkdir -p "$work"

if [ "$maps_only" = no ]; then
  free_gib=$(($(df --output=avail -k "$(dirname "$folder")" 2>/dev/null | tail -n 1 || echo 0) / 1024 / 1024))
  if [ "$dry_run" = no ] && [ "$free_gib" -lt "$FREE_GIB" ]; then
    fail "$(dirname "$folder") has $free_gib GiB left; $FREE_GIB GiB are needed."
  fi
  if [ "$dry_run" = yes ]; then
    echo "would ask for the password with which you agree to $LICENCE_URL"
    password=...
  else
    echo "Blizzard's AI and Machine Learning License: $LICENCE_URL"
    echo "To agree to it, type the password from $README_URL"
    read -r -p "Password: " password
    [ -n "$password" ] || fail "no password, no agreement; nothing was installed."
  fi
  download "$GAME_URL" "$work/game.zip"
  run unzip -q -t -P "$password" "$work/game.zip" "StarCraftII/Versions/Base$BUILD/SC2_x64" ||
    fail "the password is not right, or $work/game.zip is damaged (remove it then)."
  run unzip -q -o -P "$password" "$work/game.zip" -d "$work/unpacked"
fi

download "$MAPS_URL" "$work/maps.zip"
if [ "$maps_only" = yes ]; then
  run mkdir -p "$folder/Maps"
  run unzip -q -n "$work/maps.zip" -d "$folder/Maps"
else
  run mkdir -p "$work/unpacked/StarCraftII/Maps"
  run unzip -q -o "$work/maps.zip" -d "$work/unpacked/StarCraftII/Maps"
  run mv "$work/unpacked/StarCraftII" "$folder"
fi
run rm -r "$work"

echo
[ "$dry_run" = yes ] && echo "Nothing was done. After a real run:"
echo "StarCraft II and SMAC's maps are in $folder. Put this into your shell's start-up file:"
printf '  export SC2PATH=%q\n' "$folder"
echo "and then let rllib look for what else is needed:"
echo "  rllib smac check"
