// Records -> one HTML file that opens without a network. Two passes: the first counts and remembers
// where things stand, the second reads again what gets a picture. Memory does not grow with the
// number of images beyond a few bytes each.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/utc_now.h"
#include "mien/scan.h"
#include "report/html.h"
#include "report/page.h"
#include "report/survey.h"
#include "report/thumbnail.h"

namespace mien {
namespace {

using namespace report;  // NOLINT: this file is the report

constexpr std::uint64_t kPageBytesMax = 24'000'000;  // pictures stop here
constexpr std::size_t kTableBytesMax = 8'000'000;    // rows of the table of all images stop here
constexpr std::size_t kRowsMax = 5'000;              // of the tables that need no script
constexpr std::size_t kFacesMax = 500;               // matches whose face is shown larger
constexpr std::size_t kRecordsAtOnce = 64;           // thumbnails made before they are written

// Few pictures may be large; 2,000 must fit into the page.
struct Tier {
  std::size_t cards_max;
  ThumbnailSize thumbnail;
  std::size_t faces_listed_max;
};
constexpr Tier kTiers[] = {
    {60, {640, 75}, 100},
    {400, {320, 72}, 40},
    {1000, {240, 70}, 12},
    {static_cast<std::size_t>(-1), {200, 65}, 6},
};

struct Plan {
  std::size_t face_count = 0;  // of matches that show their face beside the picture
  std::vector<Place> match_cards;
  std::vector<Place> match_rows;
  std::vector<Place> faces_cards;
  std::vector<Place> empty_cards;
  Tier tier = kTiers[0];
};

Plan make_plan(const Survey& survey, std::size_t cards_max) {
  Plan plan;
  // These are pictures too, and count.
  plan.face_count = std::min({survey.matches.size(), kFacesMax, cards_max / 2});
  std::size_t left = cards_max - plan.face_count;
  const auto take = [&left](const std::vector<Place>& places) {
    const std::size_t count = std::min(left, places.size());
    left -= count;
    return std::vector<Place>(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count));
  };
  plan.match_cards = take(survey.matches);
  plan.faces_cards = take(survey.faces_places);
  plan.empty_cards = take(survey.empty_places);
  const std::size_t row_count = std::min(survey.matches.size() - plan.match_cards.size(), kRowsMax);
  const auto first = survey.matches.begin() + static_cast<std::ptrdiff_t>(plan.match_cards.size());
  plan.match_rows.assign(first, first + static_cast<std::ptrdiff_t>(row_count));
  const std::size_t cards = cards_max - plan.face_count - left;
  plan.tier =
      *std::find_if(std::begin(kTiers), std::end(kTiers), [&](const Tier& tier) { return cards <= tier.cards_max; });
  return plan;
}

// Only elements that carry it are run or applied, whatever else might find its way into the page.
std::string make_nonce() {
  std::random_device random;
  std::string nonce;
  for (int i = 0; i < 4; ++i) nonce += fmt::format("{:08x}", random());
  return nonce;
}

class ReportWriter {
 public:
  ReportWriter(LineReader& records, const Survey& survey, PrivateFile& page, const ReportOptions& options)
      : records_(records),
        survey_(survey),
        page_(page),
        options_(options),
        plan_(make_plan(survey, static_cast<std::size_t>(std::max(options.thumbnails_max, 0)))),
        nonce_(make_nonce()) {}

  void write() {
    put_head();
    put_header();
    put_navigation();
    page_.write("<main id=\"results\" tabindex=\"-1\">\n");
    if (survey_.like) put_matches();
    if (survey_.failed > 0) put_failures();
    put_cards_section("faces", survey_.like ? "Faces, no match" : "Images with faces",
                      survey_.with_faces - survey_.matched, plan_.faces_cards);
    put_cards_section("empty", "No face found", survey_.images - survey_.with_faces - survey_.failed,
                      plan_.empty_cards);
    put_table();
    put_placement();
    page_.write("</main>\n");
    put_footer();
  }

 private:
  void put_head() {
    page_.write(
        fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<title>{0}</title>\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" "
                    "content=\"no-referrer\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                    "style-src 'nonce-{1}'; script-src 'nonce-{1}'; base-uri 'none'; form-action 'none'\">\n"
                    "<style nonce=\"{1}\">{2}</style>\n</head>\n<body>\n"
                    "<a class=\"skip\" href=\"#results\">Skip to the results</a>\n",
                    html_text(options_.title), nonce_, kStyle));
  }

  void put_header() {
    page_.write(
        fmt::format("<header>\n<h1>{}</h1>\n<p class=\"quiet\">Written <time "
                    "datetime=\"{}\">{}</time></p>\n",
                    html_text(options_.title), utc_now(), utc_now("%-d %B %Y, %H:%M UTC")));
    if (!options_.command.empty()) {
      put_command();
    }
    page_.write(
        "<p class=\"banner\" role=\"note\"><strong>Biometric data.</strong> This page shows "
        "people's faces "
        "and what was measured on them. Keep it where only those may read it who may see the "
        "photos; do not mail it, publish it or put it into a shared folder; delete it when it has "
        "done its work.</p>\n<dl class=\"numbers\">\n");
    put_number("images", survey_.images, "");
    put_number("with faces", survey_.with_faces, "");
    put_number("faces", survey_.faces, "");
    if (survey_.poor_faces > 0) put_number("poor faces", survey_.poor_faces, "");
    if (survey_.like) put_number("matched images", survey_.matched, "hit");
    put_number("failed", survey_.failed, survey_.failed > 0 ? "bad" : "");
    if (survey_.with_warnings > 0) put_number("with warnings", survey_.with_warnings, "");
    page_.write("</dl>\n");
    put_left_out_kinds();
    put_poor_faces();
    if (survey_.cut_off) {
      page_.write(
          "<p>The last line of the records was cut off, as an interrupted scan leaves it; "
          "it is not in this page.</p>\n");
    }
    page_.write("</header>\n");
  }

  // "Left out of the folders: 212 videos, 3 documents."
  void put_left_out_kinds() {
    std::string kinds;
    for (const LeftOut& one : options_.left_out) {
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", with_commas(one.count),
                           html_text(one.count == 1 ? one.one : one.kind));
    }
    if (!kinds.empty()) page_.write("<p class=\"quiet\">Left out of the folders: " + kinds + ".</p>\n");
  }

  void put_poor_faces() {
    if (survey_.compare_anyway) {
      page_.write(
          "<p class=\"banner\" role=\"note\"><strong>Compared anyway.</strong> Poor faces were compared with "
          "--compare-anyway: too small, blurred or dark, those of strangers are alike, and a match says little.</p>\n");
    } else if (survey_.like && survey_.poor_faces > 0) {
      page_.write(
          "<p>Poor faces are too small, blurred, dark or flat to be told from other poor faces. They match only where "
          "the photo of the person is good; where they do not match, that says nothing.</p>\n");
    }
  }

  // A word stays in one piece where the line has room: "--out" is not broken at its hyphens.
  void put_command() {
    page_.write("<code class=\"command\">");
    std::string_view left = options_.command;
    while (!left.empty()) {
      const std::size_t end = std::min(left.find(' '), left.size());
      page_.write("<span>" + html_text(left.substr(0, end)) + "</span>");
      if (end < left.size()) page_.write(" ");
      left.remove_prefix(std::min(end + 1, left.size()));
    }
    page_.write("</code>\n");
  }

  void put_number(std::string_view label, std::int64_t value, std::string_view kind) {
    page_.write(fmt::format("<div class=\"{}\"><dt>{}</dt><dd>{}</dd></div>\n", kind, label, with_commas(value)));
  }

  void put_navigation() {
    page_.write("<nav aria-label=\"Sections\"><ul>\n");
    const auto put = [this](const char* id, std::string_view title) {
      page_.write(fmt::format("<li><a href=\"#{}\">{}</a></li>\n", id, title));
    };
    if (survey_.like) put("matches", "Matches");
    if (survey_.failed > 0) put("failures", "Failures");
    if (!plan_.faces_cards.empty()) put("faces", survey_.like ? "Faces, no match" : "Images with faces");
    if (!plan_.empty_cards.empty()) put("empty", "No face found");
    put("all", "All images");
    if (!survey_.placements.empty()) put("placement", "How it ran");
    page_.write("</ul></nav>\n");
  }

  void begin_section(std::string_view id, std::string_view title, std::int64_t count) {
    page_.write(
        fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1} <span "
                    "class=\"count\">{2}</span></h2>\n",
                    id, title, with_commas(count)));
  }

  void put_matches() {
    begin_section("matches", "Matches", survey_.matched);
    if (survey_.matched == 0) {
      page_.write("<p>No face was similar enough to the person looked for.</p>\n");
    } else {
      page_.write(
          "<p class=\"quiet\">The most similar first, their boxes yellow, with the similarity. A similarity is a "
          "hint, not a proof: look before you act on it.</p>\n");
    }
    put_cards(plan_.match_cards, plan_.face_count);
    if (!plan_.match_rows.empty()) {
      begin_table("Further matches", {"Image", "Similarity", "Faces"});
      for (const Place& place : plan_.match_rows) {
        page_.write(match_row_html(records_.read_at(place.offset)));
      }
      end_table();
    }
    put_left_out(survey_.matches.size() - plan_.match_cards.size() - plan_.match_rows.size());
    page_.write("</section>\n");
  }

  void put_failures() {
    begin_section("failures", "Failures", survey_.failed);
    begin_table("Images that could not be analysed", {"Image", "Why", "Code"});
    for (const Place& place : survey_.failures) {
      page_.write(failure_row_html(records_.read_at(place.offset)));
    }
    end_table();
    put_left_out(static_cast<std::size_t>(survey_.failed) - survey_.failures.size());
    page_.write("</section>\n");
  }

  void put_cards_section(std::string_view id, std::string_view title, std::int64_t count,
                         const std::vector<Place>& places) {
    if (places.empty()) return;
    begin_section(id, title, count);
    put_cards(places, 0);
    put_left_out(static_cast<std::size_t>(count) - places.size());
    page_.write("</section>\n");
  }

  void put_left_out(std::size_t count) {
    if (count == 0) return;
    page_.write(fmt::format("<p>{} more {} in the table of <a href=\"#all\">all images</a>.</p>\n",
                            with_commas(static_cast<std::int64_t>(count)), count == 1 ? "is" : "are"));
  }

  void put_cards(const std::vector<Place>& places, std::size_t face_count) {
    if (places.empty()) return;
    page_.write("<ul class=\"cards\">\n");
    for (std::size_t start = 0; start < places.size(); start += kRecordsAtOnce) {
      const std::size_t end = std::min(start + kRecordsAtOnce, places.size());
      std::vector<Record> records;
      for (std::size_t i = start; i < end; ++i) records.push_back(records_.read_at(places[i].offset));
      const std::vector<Thumbnail> thumbnails = thumbnails_of(records, face_count - std::min(start, face_count));
      for (std::size_t i = 0; i < records.size(); ++i) {
        page_.write(card_html(records[i], thumbnails[i], plan_.tier.faces_listed_max));
      }
    }
    page_.write("</ul>\n");
  }

  std::vector<Thumbnail> thumbnails_of(const std::vector<Record>& records, std::size_t face_count) const {
    const std::uint64_t table_bytes = survey_.rows_json.size() + survey_.folders_json.size();
    if (page_.size_bytes() + table_bytes < kPageBytesMax) {
      return make_thumbnails(records, plan_.tier.thumbnail, face_count, options_.input);
    }
    std::vector<Thumbnail> none(records.size());
    for (Thumbnail& one : none) one.problem = "the page would become too large";
    return none;
  }

  void begin_table(std::string_view caption, std::initializer_list<std::string_view> heads) {
    page_.write(
        fmt::format("<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\">"
                    "<table><caption class=\"vh\">{0}</caption><thead><tr>",
                    caption));
    for (const std::string_view head : heads) {
      page_.write(fmt::format("<th scope=\"col\">{}</th>", head));
    }
    page_.write("</tr></thead><tbody>\n");
  }
  void end_table() { page_.write("</tbody></table></div>\n"); }

  void put_table() {
    begin_section("all", "All images", survey_.images);
    if (survey_.rows < survey_.images) {
      page_.write(
          fmt::format("<p>The table holds the first {} images, to keep the page small; the "
                      "records hold all.</p>\n",
                      with_commas(survey_.rows)));
    }
    page_.write(kTable);
    page_.write("</section>\n");
  }

  void put_placement() {
    if (survey_.placements.empty()) return;
    page_.write("<section aria-labelledby=\"placement\">\n<h2 id=\"placement\">How it ran</h2>\n");
    put_models("Detector", survey_.detectors);
    put_models("Embedder", survey_.embedders);
    begin_table("Where each operation ran",
                {"Operation", "Requested", "Ran on", "Runtime", "Device", "Images", "Reason"});
    for (const auto& [placement, count] : survey_.placements) {
      page_.write("<tr><th scope=\"row\">" + html_text(placement[0]) + "</th>");
      for (std::size_t i = 1; i < 5; ++i) page_.write("<td>" + html_text(placement[i]) + "</td>");
      page_.write(fmt::format("<td>{}</td><td>{}</td></tr>\n", with_commas(count),
                              html_text(placement[5].empty() ? "as requested" : placement[5])));
    }
    end_table();
    page_.write("</section>\n");
  }

  void put_models(std::string_view role, const std::map<std::string, std::int64_t>& names) {
    if (names.empty()) return;
    page_.write(fmt::format("<p>{}: ", role));
    std::string_view separator;
    for (const auto& [name, count] : names) {
      page_.write(fmt::format("{}{} ({})", separator, html_text(name), counted(count, "image")));
      separator = ", ";
    }
    page_.write("</p>\n");
  }

  void put_footer() {
    page_.write(
        fmt::format("<footer><p>Made by mien. This file needs nothing beside it and sends nothing anywhere."
                    "</p></footer>\n<script type=\"application/json\" id=\"data\">{{\"like\":{},\"folders\":[",
                    survey_.like));
    page_.write(survey_.folders_json);
    page_.write("],\n\"rows\":[");
    page_.write(survey_.rows_json);
    page_.write(fmt::format("]}}</script>\n<script nonce=\"{}\">{}</script>\n</body>\n</html>\n", nonce_, kScript));
  }

  LineReader& records_;
  const Survey& survey_;
  PrivateFile& page_;
  const ReportOptions& options_;
  const Plan plan_;
  const std::string nonce_;
};

}  // namespace

void write_report(const std::string& records_path, const std::string& html_path, const ReportOptions& options) {
  LineReader records(records_path);
  SurveyLimits limits;
  limits.places_max = std::max(kRowsMax, static_cast<std::size_t>(std::max(options.thumbnails_max, 0)));
  limits.table_bytes_max = kTableBytesMax;
  const Survey survey = survey_records(records, limits);
  PrivateFile page(html_path);
  ReportWriter(records, survey, page, options).write();
  page.commit();
}

}  // namespace mien
