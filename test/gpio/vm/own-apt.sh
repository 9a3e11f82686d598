# Sourced by the builders. own_apt FOLDER ARCHITECTURE makes apt look at Debian's kernel 6.12 for that architecture, with
# lists and state of its own: the machine's apt is neither changed nor asked for more than its mirror.
own_apt() {
  local folder=$1 architecture=$2 codename uri suites
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  case $codename in
    bookworm) suites="bookworm bookworm-backports" ;;
    trixie) suites="trixie" ;;
    *)
      echo "the guest is built from Debian 12 or 13; this is ${codename:-another system}" >&2
      return 1
      ;;
  esac
  uri=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Identifier: Packages' |
    awk -F'|' -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }')
  [ -n "$uri" ] || { echo "apt knows no mirror of Debian $codename main: look at /etc/apt" >&2; return 1; }
  mkdir -p "$folder"/{sources,lists/partial}
  : >"$folder/status"
  printf '%s\n' "Types: deb" "URIs: $uri" "Suites: $suites" "Components: main" "Architectures: $architecture" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$folder/sources/debian.sources"
  cat >"$folder/apt.conf" <<CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$folder/sources";
Dir::State::Lists "$folder/lists";
Dir::State::Status "$folder/status";
Dir::Cache::PkgCache "";
Dir::Cache::SrcPkgCache "";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Default-Release "${suites##* }";
APT::Sandbox::User "root";
CONF
  export APT_CONFIG=$folder/apt.conf
  apt-get update -qq
}

# depends_on PACKAGE PATTERN: the first dependency whose name begins with the pattern.
depends_on() {
  apt-cache depends "$1" | grep -oE "^ *\|?Depends: $2[^ ]*" | head -n 1 | sed 's/.*Depends: //'
}
