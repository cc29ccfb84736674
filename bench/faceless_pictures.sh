#!/usr/bin/env bash
# Fetches 42 pictures without a face for bench/detail.py, by the names of packages (165 MB): of scikit-image and
# scikit-learn (PyPI), mate-backgrounds and plasma-workspace-wallpapers (Debian).
#
#     bench/faceless_pictures.sh FOLDER
#
# Pictures with a person in them, portraits on coins and drawings are not among them. Needs apt, dpkg, python3 with
# pip, and unzip.
set -euo pipefail

[[ $# -eq 1 ]] || { sed -n '2,8s/^# \?//p' "$0" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# take PREFIX FOLDER NAME...: copies pictures under names that say where they are from.
take() {
  local prefix=$1 from=$2 name
  shift 2
  for name in "$@"; do
    cp "$from/$name" "$folder/${prefix}_${name//\//_}"
  done
}

python3 -m pip download --quiet --no-deps --only-binary :all: scikit-image scikit-learn
for wheel in *.whl; do unzip -q -o "$wheel" 'skimage/data/*' 'sklearn/datasets/images/*' 2>/dev/null || true; done
take skimage skimage/data chelsea.png coffee.png brick.png cell.png clock_motion.png grass.png gravel.png horse.png \
  hubble_deep_field.jpg ihc.png microaneurysms.png moon.png motorcycle_left.png page.png retina.jpg \
  rocket.jpg text.png
take sklearn sklearn/datasets/images china.jpg flower.jpg

apt-get download -qq mate-backgrounds plasma-workspace-wallpapers 2>/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
take mate debian/usr/share/backgrounds/mate/nature Aqua.jpg Blinds.jpg Dune.jpg FreshFlower.jpg Garden.jpg \
  GreenMeadow.jpg LadyBird.jpg RainDrops.jpg Storm.jpg TwoWings.jpg Wood.jpg YellowFlower.jpg
wallpapers=(BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite OneStandsOut Path
  summer_1am)
take plasma debian/usr/share/wallpapers "${wallpapers[@]/%//contents/images/2560x1600.jpg}"
ls "$folder" | wc -l
