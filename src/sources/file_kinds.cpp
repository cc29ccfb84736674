#include "sources/file_kinds.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <unordered_map>

#include "base/text.h"
#include "image/decode.h"

namespace mien {
namespace {

// Names of the formats that are read, as cameras, phones, programs and browsers write them, and of those photos that
// cannot be decoded here: their records then say so, and nobody believes that all photos were seen.
constexpr std::string_view kImageEndings =
    "jpg jpeg jpe jfif jfi jif pjpeg pjp mpo jps insp thm png apng webp gif bmp dib tif tiff btf tf8 bigtiff "
    "heic heif heics heifs hif avif avifs avci jxl jp2 j2k jpx jpf";
constexpr std::string_view kRawEndings =
    "dng cr2 cr3 crw nef nrw arw srf sr2 orf ori rw2 raf pef ptx srw raw rwl 3fr fff iiq mos mrw kdc dcr k25 kc2 erf "
    "mef "
    "x3f gpr bay dcs drf";

// The first row that fits counts. What only folders, places in a file system and options decide has no endings.
constexpr FileKind kFileKinds[] = {
    {"images of other formats", "image of another format",
     "psd psb xcf kra ora tga ppm pgm pbm pnm pam pfm pcx exr hdr qoi dds ico cur icns svg svgz ai eps ps cdr wmf emf "
     "xpm "
     "xbm sgi ras fits dcm jxr wdp hdp flif bpg xisf pct pict afphoto afdesign indd psp pspimage jls jb2 dpx cin "
     "sketch"},
    {"videos", "video",
     "mp4 m4v mov qt avi mkv webm wmv flv f4v mpg mpeg mpe m1v m2v mpv mts m2ts m2t ts tod mod vob 3gp 3g2 3gpp ogv "
     "asf "
     "rm rmvb dv insv lrv lrf braw r3d mxf divx h264 264 h265 hevc 265 360 swf amv mjpg mjpeg wtv bif",
     "video"},
    {"sound files", "sound file",
     "mp3 m4a aac wav wave flac ogg oga opus wma aif aiff aifc amr mid midi ape m4b m4p m3u m3u8 pls ac3 dts au weba "
     "mka "
     "cue",
     "sound Ogg"},
    {"sidecars", "sidecar",
     "xmp aae pp3 dop cos nksc nksn on1 arp vrd dr4 mie exv icc icm cube 3dl lut lcp lrtemplate pto thmx mwb"},
    {"archives", "archive",
     "zip rar 7z tar gz tgz bz2 tbz2 xz txz zst lz lzma lz4 z cab iso img dmg vhd vhdx vmdk qcow2 cbz cbr jar war apk "
     "ipa "
     "deb rpm pkg msi arj lha lzh",
     "archive"},
    {"web pages", "web page",
     "htm html xhtml shtml mhtml mht maff webarchive php asp aspx jsp css js mjs url webloc lnk", "HTML"},
    {"data files", "data file",
     "json jsonl ndjson xml csv tsv yaml yml ini cfg conf config toml plist log npy npz h5 hdf5 parquet pkl pickle "
     "onnx pt "
     "pth geojson gpx kml kmz tcx fit srt vtt sub nfo sfv md5 sha1 sha256 torrent par2 crc lock env",
     "JSON XML pointer"},
    {"documents", "document",
     "pdf txt md rst rtf doc docx docm dot dotx odt ott pages xls xlsx xlsm xlsb ods numbers ppt pptx pptm pps ppsx "
     "odp key "
     "epub mobi azw azw3 fb2 djvu djv xps oxps tex bib chm one msg eml mbox ics vcf",
     "document text"},
    {"databases", "database",
     "db db3 sqlite sqlite3 sqlite-wal sqlite-shm db-wal db-shm mdb accdb lrcat lrcat-data ithmb apdb lrlibrary",
     "database"},
    {"programs", "program",
     "exe dll so dylib sys com bat cmd sh ps1 py pyc pyo c h cpp hpp cc cxx hh java class go rs rb pl lua sql swift kt "
     "cs "
     "o a lib obj wasm ipynb",
     "program"},
    {"fonts", "font", "ttf otf ttc woff woff2 eot pfb fon"},
    {"previews", "preview", "lrprev lrfprev lrsmprev cot cop cof bridgecache bridgecachet"},
    {"unfinished downloads", "unfinished download", "part partial crdownload download opdownload aria2"},
    {"empty files", "empty file"},
    {"other files", "other file", "stl ply gltf glb fbx blend 3ds dae usdz dwg dxf swp"},
    {"hidden files", "hidden file"},
    {"hidden folders", "hidden folder"},
    {"files of the system", "file of the system"},
    {"bins and snapshots", "bin or snapshot"},
    {"excluded files and folders", "excluded file or folder"},
    {"pipes and devices", "pipe or device"},
    {"broken links", "broken link"},
    {"files that may not be read", "file that may not be read"},
};

constexpr std::string_view kSystemFiles =
    ".DS_Store|.localized|.nomedia|.picasa.ini|.directory|.immich|.ocdata|.ncdata|.ppstorage|.ppignore|Thumbs.db|"
    "ehthumbs.db|desktop.ini|Desktop.ini|Picasa.ini|Icon\r";
constexpr std::string_view kBins =
    "#recycle|#snapshot|@Recycle|@Recently-Snapshot|$RECYCLE.BIN|System Volume Information|lost+found|__MACOSX";

constexpr LibraryFolder kLibraryFolders[] = {
    {{"folders that Synology made", "folder that Synology made"}, "@eaDir"},
    {{"folders that Lightroom made", "folder that Lightroom made"}, "*.lrdata"},
    {{"folders that Lightroom made", "folder that Lightroom made"},
     "previews|smart previews|proxies",
     "originals+smart previews|/*.lrlibrary"},
    {{"folders that Apple Photos made", "folder that Apple Photos made"},
     "resources|private|scopes|Previews|Thumbnails|iPod Photo Cache",
     "/*.photoslibrary|database/Photos.sqlite|database/photos.db|Database/Photos.sqlite"},
    {{"folders that iPhoto made", "folder that iPhoto made"},
     "Previews|Thumbnails|Modified|Data|Data.noindex|Caches|Faces|resources|iPod Photo Cache",
     "/*.photolibrary|/iPhoto Library*|AlbumData.xml|iPhotoMain.db|Library6.iPhoto|iPhotoLock.data|"
     "Database/Library.apdb"},
    {{"folders that Aperture made", "folder that Aperture made"},
     "Previews|Thumbnails|Caches",
     "/*.aplibrary|Aperture.aplib"},
    {{"folders that immich made", "folder that immich made"},
     "thumbs|encoded-video",
     "./.immich|upload+encoded-video|library+encoded-video|upload+library|upload+profile|upload/.immich|library/"
     ".immich"},
    {{"folders that Nextcloud made", "folder that Nextcloud made"},
     "appdata_*",
     ".ocdata|.ncdata|nextcloud.log|owncloud.log|./preview"},
    {{"folders that Nextcloud made", "folder that Nextcloud made"},
     "files_trashbin|files_versions|uploads|thumbnails|cache",
     "files+../.ocdata|files+../.ncdata|files+files_trashbin|files+files_versions"},
    {{"folders that PhotoPrism made", "folder that PhotoPrism made"},
     "cache|sidecar",
     ".ppstorage|config+sidecar+cache"},
    {{"folders that LibrePhotos made", "folder that LibrePhotos made"},
     "thumbnails_big|square_thumbnails|square_thumbnails_small|thumbnails|faces|avatars",
     "square_thumbnails+thumbnails_big|square_thumbnails+square_thumbnails_small"},
    {{"folders that Piwigo made", "folder that Piwigo made"}, "_data", "galleries+upload|upload+include/constants.php"},
    {{"folders that Lychee made", "folder that Lychee made"},
     "small|small2x|medium|medium2x|thumb|thumb2x",
     "small2x+medium2x|original+thumb2x|big+thumb+medium"},
    {{"folders that Capture One made", "folder that Capture One made"}, "Cache", "/CaptureOne|/*.cocatalog"},
    {{"folders that Jellyfin made", "folder that Jellyfin made"}, "*.trickplay"},
};

// Calls with each part of the text; stops and answers true at the first that gives true.
template <typename Test>
bool any_part(std::string_view text, char separator, const Test& test) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (test(text.substr(0, end))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

bool fits(std::string_view name, std::string_view patterns) {
  const std::string text(name);
  return any_part(patterns, '|', [&](std::string_view pattern) {
    return ::fnmatch(std::string(pattern).c_str(), text.c_str(), 0) == 0;
  });
}

std::string_view last_part(std::string_view folder) {
  if (folder.ends_with('/')) folder.remove_suffix(1);
  return folder.substr(folder.rfind('/') + 1);
}

bool holds(std::string_view mark, const std::string& holder, std::string_view name) {
  if (mark.starts_with('/')) return fits(last_part(holder), mark.substr(1));
  return !any_part(mark, '+', [&](std::string_view part) {
    std::string path = holder;
    if (part.starts_with("./")) path.append(name).append("/");
    path += part;
    struct stat status {};
    return ::stat(path.c_str(), &status) != 0;
  });
}

using Endings = std::unordered_map<std::string_view, NameVerdict>;

Endings make_endings() {
  Endings endings;
  const auto add = [&](std::string_view text, NameVerdict verdict) {
    any_part(text, ' ', [&](std::string_view ending) {
      endings.emplace(ending, verdict);
      return false;
    });
  };
  add(kImageEndings, {NameSays::image, nullptr});
  add(kRawEndings, {NameSays::image, nullptr});
  for (const FileKind& kind : kFileKinds) add(kind.endings, {NameSays::left_out, &kind});
  return endings;
}

std::unordered_map<std::string_view, const FileKind*> make_skipped_names() {
  std::unordered_map<std::string_view, const FileKind*> kinds;
  const auto add = [&](std::string_view names, const FileKind& kind) {
    any_part(names, '|', [&](std::string_view name) {
      kinds.emplace(name, &kind);
      return false;
    });
  };
  add(kSystemFiles, file_kind("files of the system"));
  add(kBins, file_kind("bins and snapshots"));
  return kinds;
}

}  // namespace

const FileKind& file_kind(std::string_view many) {
  const FileKind* const kind =
      std::find_if(std::begin(kFileKinds), std::end(kFileKinds), [&](const FileKind& row) { return row.many == many; });
  assert(kind != std::end(kFileKinds));
  return *kind;
}

NameVerdict judge_name(std::string_view name) {
  static const Endings endings = make_endings();
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {};
  // What a download left of its address tells nothing: "photo.jpg?page=view.html".
  if (name.substr(0, dot).find('?') != std::string_view::npos) return {};
  const Endings::const_iterator found = endings.find(lower(name.substr(dot + 1)));
  if (found == endings.end()) return {};
  // "photo.jpg.json" belongs to a photo.
  static const FileKind* const data = &file_kind("data files");
  if (found->second.kind == data && judge_name(name.substr(0, dot)).says == NameSays::image) {
    return {NameSays::left_out, &file_kind("sidecars")};
  }
  return found->second;
}

const FileKind* judge_beginning(std::span<const std::uint8_t> beginning) {
  if (beginning.empty()) return &file_kind("empty files");
  const Beginning found = look_at_beginning(beginning);
  if (found.is_image) return found.has_codec ? nullptr : &file_kind("images of other formats");
  for (const FileKind& kind : kFileKinds) {
    if (any_part(kind.looks_like, ' ',
                 [&](std::string_view word) { return found.text.find(word) != std::string::npos; }))
      return &kind;
  }
  return &file_kind("other files");
}

bool has_image_extension(std::string_view name) { return judge_name(name).says == NameSays::image; }

bool has_raw_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string ending = lower(name.substr(dot + 1));
  return any_part(kRawEndings, ' ', [&](std::string_view raw) { return raw == ending; });
}

std::string image_extensions_text() {
  std::string text;
  for (const std::string_view endings : {kImageEndings, kRawEndings}) {
    any_part(endings, ' ', [&](std::string_view ending) {
      if (!text.empty()) text += ", ";
      text += ending;
      return false;
    });
  }
  return text;
}

void LeftOutTally::add(const FileKind& kind, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  auto& [row, sum] = counts_[kind.many];
  row = &kind;
  sum += count;
}

std::vector<LeftOut> LeftOutTally::counts() const {
  std::vector<LeftOut> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [many, row] : counts_) {
    result.push_back({std::string(many), std::string(row.first->one), row.second});
  }
  std::stable_sort(result.begin(), result.end(), [](const LeftOut& a, const LeftOut& b) { return a.count > b.count; });
  return result;
}

const LibraryFolder* find_library_folder(const std::string& holder, std::string_view name) {
  for (const LibraryFolder& row : kLibraryFolders) {
    if (!fits(name, row.names)) continue;
    if (row.marks.empty()) return &row;
    if (any_part(row.marks, '|', [&](std::string_view mark) { return holds(mark, holder, name); })) return &row;
  }
  return nullptr;
}

const FileKind* skipped_name(std::string_view name, bool is_folder) {
  static const std::unordered_map<std::string_view, const FileKind*> kinds = make_skipped_names();
  const auto found = kinds.find(name);
  if (found != kinds.end()) return found->second;
  if (!name.starts_with('.')) return nullptr;
  if (name.starts_with("._")) return &file_kind("files of the system");  // what a Mac leaves on foreign disks
  return &file_kind(is_folder ? "hidden folders" : "hidden files");
}

}  // namespace mien
