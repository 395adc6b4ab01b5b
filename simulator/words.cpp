#include "simulator/words.h"

#include <iterator>

namespace spa::sim {
namespace {

template <class T, std::size_t N>
const T& Pick(const T (&table)[N], std::uint64_t hash) {
  return table[hash % N];
}

constexpr LevelInfo kLevels[] = {
    {1073741829,
     5,
     1,
     false,
     0x7fffffffffffffffULL,
     {"Full Control", "Vollzugriff", "フル コントロール"},
     "owner"},
    {1073741828, 4, 32, false, 0x1b03c5f1bffULL, {"Design", "Entwerfen", "デザイン"}, "write"},
    {1073741830, 6, 48, false, 0x1b03c431aefULL, {"Edit", "Bearbeiten", "編集"}, "write"},
    {1073741827, 3, 64, false, 0x1b03c4312efULL, {"Contribute", "Mitwirken", "投稿"}, "write"},
    {1073741826, 2, 128, false, 0xb008431061ULL, {"Read", "Lesen", "閲覧"}, "read"},
    {1073741832,
     8,
     144,
     true,
     0x1003008031001ULL,
     {"Restricted View", "Eingeschränkte Ansicht", "制限付きビュー"},
     "sp.restricted view"},
    {1073741825,
     1,
     160,
     true,
     0x3008011000ULL,
     {"Limited Access", "Beschränkter Zugriff", "制限付きアクセス"},
     ""},
    {1073741833,
     9,
     176,
     true,
     0x23008001000ULL,
     {"Web-Only Limited Access", "Beschränkter Zugriff (nur Web)", "Web のみの制限付きアクセス"},
     ""},
    {1073741924,
     0,
     2147483647,
     false,
     0x1b03e4312efULL,
     {"Project Lead", "Projektleitung", "プロジェクト リード"},
     "sp.project lead"},
};

constexpr std::string_view kPhrases[][3] = {
    {"Owners", "Besitzer", "所有者"},
    {"Members", "Mitglieder", "メンバー"},
    {"Visitors", "Besucher", "閲覧者"},
    {"Everyone", "Jeder", "全員"},
    {"Everyone except external users", "Jeder, außer externen Benutzern",
     "外部ユーザー以外のすべてのユーザー"},
    {"Documents", "Dokumente", "ドキュメント"},
    {"Site Assets", "Websiteobjekte", "サイトのリソース ファイル"},
    {"Tasks", "Aufgaben", "タスク"},
    {"System Account", "Systemkonto", "システム アカウント"},
};

constexpr std::string_view kFirst[][2] = {
    {"Pam", "pam"},         {"Lee", "lee"},     {"Jürgen", "juergen"}, {"Zoë", "zoe"},
    {"Ibrahim", "ibrahim"}, {"Mei", "mei"},     {"Søren", "soren"},    {"Ana", "ana"},
    {"Bjørk", "bjork"},     {"健太", "kenta"},  {"Олена", "olena"},    {"Noah", "noah"},
    {"Priya", "priya"},     {"Tomás", "tomas"}, {"Ngozi", "ngozi"},    {"Ella", "ella"},
};
constexpr std::string_view kLast[][2] = {
    {"Ito", "ito"},
    {"Müller", "mueller"},
    {"O'Neill", "oneill"},
    {"García", "garcia"},
    {"Nowak", "nowak"},
    {"Okafor", "okafor"},
    {"Lindqvist", "lindqvist"},
    {"Haddad", "haddad"},
    {"山田", "yamada"},
    {"Шевченко", "shevchenko"},
    {"de la Cruz", "delacruz"},
    {"Kim", "kim"},
    {"Fischer", "fischer"},
    {"Rossi", "rossi"},
    {"Smith", "smith"},
    {"Żak", "zak"},
};

constexpr std::string_view kSites[] = {"falcon",   "hr",     "finance",  "legal",   "sales",
                                       "research", "launch", "intranet", "works",   "quality",
                                       "travel",   "board",  "plant",    "support", "media"};
constexpr std::string_view kFolders[] = {"Offers",   "Archive",  "Contracts", "Reports",
                                         "Meetings", "Drawings", "Verträge",  "Payroll",
                                         "Projects", "資料"};
constexpr std::string_view kFiles[] = {"budget",  "minutes", "offer", "plan",  "salaries",
                                       "roadmap", "invoice", "notes", "draft", "Übersicht"};
constexpr std::string_view kEndings[] = {".docx", ".xlsx", ".pptx", ".pdf", ".txt", ".png"};
constexpr std::string_view kMimes[] = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/pdf",
    "text/plain",
    "image/png"};
constexpr std::string_view kOdd[] = {"caf\xC3\xA9",                          // composed
                                     "cafe\xCC\x81",                         // decomposed
                                     "rocket \xF0\x9F\x9A\x80\xE2\x9C\x85",  // emoji
                                     "\xE2\x80\xAE"
                                     "fdp.txt",                           // right-to-left override
                                     "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",  // Hebrew
                                     "R&D #1 100%",
                                     "it's 'quoted'",
                                     "_private",
                                     "=cmd|' '!A0",
                                     "+1-555",
                                     "@mention",
                                     "-dash",
                                     "'\xC2\xA4\xC2\xB4~\xC2\xA8 \xC3\x84\xC3\xA4kk\xC3\xB6set",
                                     "two  spaces and.dots..",
                                     "semi;colon, comma",
                                     "img onerror=alert(1) &lt;b&gt;",
                                     "\xEF\xBC\x9Cimg src=x onerror=alert(1)\xEF\xBC\x9E"};
constexpr std::string_view kPartners[] = {"partner.example", "supplier.example", "law-firm.example",
                                          "gmx.example"};

}  // namespace

Language LanguageOf(std::string_view code) {
  return code == "de" ? Language::kGerman
                      : (code == "ja" ? Language::kJapanese : Language::kEnglish);
}

const LevelInfo& Info(Level level) { return kLevels[static_cast<int>(level)]; }

bool GivesAccess(Level level) { return (Info(level).mask & 0x1) != 0; }

std::string_view Say(Phrase phrase, Language language) {
  return kPhrases[static_cast<int>(phrase)][static_cast<int>(language)];
}

PersonName NameOfPerson(std::uint64_t hash) {
  const auto& first = Pick(kFirst, hash);
  const auto& last = Pick(kLast, hash >> 16);
  return {first[0], last[0], first[1], last[1]};
}

std::string SiteWord(std::uint64_t hash) { return std::string(Pick(kSites, hash)); }
std::string FolderWord(std::uint64_t hash) { return std::string(Pick(kFolders, hash)); }
std::string FileWord(std::uint64_t hash) { return std::string(Pick(kFiles, hash)); }
std::string_view FileEnding(std::uint64_t hash) { return Pick(kEndings, hash); }
std::string_view OddWord(std::uint64_t hash) { return Pick(kOdd, hash); }
std::string_view PartnerDomain(std::uint64_t hash) { return Pick(kPartners, hash); }

std::string_view MimeType(std::string_view ending) {
  for (std::size_t i = 0; i < std::size(kEndings); ++i) {
    if (ending == kEndings[i]) return kMimes[i];
  }
  return "application/octet-stream";
}

void AppendEncoded(std::string& out, std::string_view segment) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-_.~!$'()*,;:@=+";
  for (unsigned char c : segment) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(static_cast<char>(c)) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
}

}  // namespace spa::sim
