// The words a tenant is written in: people, files, groups and permission levels, in three
// languages, with the odd names that real tenants hold (graph.md 7.11).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace spa::sim {

enum class Language : std::uint8_t { kEnglish, kGerman, kJapanese };
Language LanguageOf(std::string_view code);

// SharePoint's built-in levels and one of our own (permissions.md 3.3).
enum class Level : std::uint8_t {
  kFullControl,
  kDesign,
  kEdit,
  kContribute,
  kRead,
  kRestrictedView,
  kLimited,
  kWebLimited,
  kCustom
};

struct LevelInfo {
  std::int64_t id;
  int kind;  // RoleTypeKind; 0 is custom
  int order;
  bool hidden;
  std::uint64_t mask;
  std::string_view names[3];    // by Language
  std::string_view graph_role;  // as Graph's `roles` says it; empty: never an entry in Graph
};
const LevelInfo& Info(Level level);
// Limited Access lets pass through but gives nothing.
bool GivesAccess(Level level);

enum class Phrase {
  kOwners,
  kMembers,
  kVisitors,
  kEveryone,
  kEveryoneExceptExternal,
  kDocuments,
  kSiteAssets,
  kTasks,
  kSystemAccount
};
std::string_view Say(Phrase phrase, Language language);

struct PersonName {
  std::string_view first, last, first_ascii, last_ascii;
};
PersonName NameOfPerson(std::uint64_t hash);

std::string SiteWord(std::uint64_t hash);         // "falcon"
std::string FolderWord(std::uint64_t hash);       // "Offers"
std::string FileWord(std::uint64_t hash);         // "budget"
std::string_view FileEnding(std::uint64_t hash);  // ".docx"
std::string_view MimeType(std::string_view ending);
std::string_view OddWord(std::uint64_t hash);  // Emoji, quotes, formulas, markup …
std::string_view PartnerDomain(std::uint64_t hash);

// Percent-encodes one path segment as SharePoint's webUrls do.
void AppendEncoded(std::string& out, std::string_view segment);

}  // namespace spa::sim
