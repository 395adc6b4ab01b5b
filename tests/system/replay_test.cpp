// A run that is recorded can be gone through again without the tenant, and gives the same bytes.
#include <openssl/evp.h>
#include <zstd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "core/encoding.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Directories and databases of one test, which outlive the tenant.
class Workplace {
 public:
  std::string Capture() const { return folder_.File("capture"); }
  std::string File(const std::string& name) const { return folder_.File(name); }

  Ended Replay(const std::string& db, const Words& more = {}) const {
    Words words = {"audit",  "--replay",        Capture(), "--db",
                   File(db), "--output-format", "json",    "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
  json ReplayedSummary(const std::string& db) const {
    const Ended ended = Replay(db);
    INFO("stderr: " << ended.err);
    REQUIRE(ended.exit == 0);
    return ParseSummary(ended);
  }
  // All that can be exported of a database, one behind the other.
  std::string Exports(const std::string& db) const {
    std::string all;
    for (const Words& what : {Words{"permissions", "--all"}, Words{"objects"}, Words{"coverage"}}) {
      Words words = {"export"};
      words.insert(words.end(), what.begin(), what.end());
      words.insert(words.end(), {"--db", db});
      const Ended ended = Run(words);
      INFO("stderr: " << ended.err);
      REQUIRE(ended.exit == 0);
      REQUIRE_FALSE(ended.out.empty());
      all += ended.out;
    }
    return all;
  }

 private:
  Folder folder_;
};

std::string DatabaseOf(const Tenant& tenant) {
  const json config = json::parse(ReadText(tenant.config()));
  const fs::path path = config.at("db").at("path").get<std::string>();
  return path.is_absolute() ? path.string() : (fs::path(tenant.folder().path()) / path).string();
}

std::vector<fs::path> FilesOf(const std::string& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

std::string Unpacked(const fs::path& path) {
  const std::string packed = ReadText(path.string());
  if (path.extension() != ".zst") return packed;
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  REQUIRE(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()) == text.size());
  return text;
}

// Everything a capture says, bodies unpacked.
std::string TextOf(const std::string& directory) {
  std::string all;
  for (const fs::path& path : FilesOf(directory)) all += Unpacked(path) + "\n";
  return all;
}

bool IsLetter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80;
}

std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The text of a capture in lower case, and once more with what is percent-encoded spelt out.
std::string PlainTextOf(const std::string& directory) {
  const std::string text = TextOf(directory);
  return Lowered(text + UrlDecode(text));
}

// Whether `name` stands in the text as a whole, not as a part of a longer word.
bool Names(const std::string& text, const std::string& name) {
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !IsLetter(text[at - 1]);
    const auto end = at + name.size();
    const bool ends = end == text.size() || !IsLetter(text[end]);
    if (begins && ends) return true;
  }
  return false;
}

// What people and things of the tenant are called, in lower case.
std::set<std::string> NamesOf(const SimulatedTenant& tenant) {
  std::set<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty()) names.insert(Lowered(name));
  };
  const sim::Directory& people = tenant.directory();
  for (std::uint32_t i = 0; i < people.user_count(); ++i) {
    const sim::User user = people.UserAt(i);
    for (const std::string& name : {user.name, user.upn, user.mail, user.login}) add(name);
    add(user.mail.substr(0, user.mail.find('@')));
  }
  for (int i = 0; i < tenant.spec().otp_guests; ++i) {
    add(people.OtpMail(static_cast<std::uint32_t>(i)));
  }
  for (const sim::Group& group : people.groups()) {
    add(group.name);
    add(group.mail);
  }
  for (const sim::Web& web : tenant.webs()) {
    add(web.title);
    add(web.path.substr(web.path.rfind('/') + 1));
    for (const sim::SiteGroup& group : web.groups) {
      // Those that look like link groups are called by GUIDs alone.
      if (!group.title.starts_with("SharingLinks.")) add(group.title);
    }
  }
  for (const sim::Library& library : tenant.libraries()) {
    add(library.title);
    for (std::uint32_t item = 1; item <= library.items; ++item) {
      std::string name;
      tenant.AppendName(name, library, item);
      add(name);
    }
  }
  for (const sim::GenericList& list : tenant.lists()) add(list.title);
  add(tenant.spec().domain);
  add(tenant.spec().host);
  add(tenant.spec().tenant_id);
  return names;
}

void CheckPrivate(const std::string& directory) {
  const auto mode = [](const fs::path& path) { return fs::status(path).permissions(); };
  CHECK(mode(directory) == fs::perms::owner_all);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    INFO(entry.path().string());
    const auto wanted = entry.is_directory() ? fs::perms::owner_all
                                             : fs::perms::owner_read | fs::perms::owner_write;
    CHECK(mode(entry.path()) == wanted);
  }
}

const Words kFaults = {"faults.rate_429=0.05",           "faults.rate_503=0.02",
                       "faults.rate_500=0.02",           "faults.rate_reset=0.01",
                       "faults.rate_truncated=0.01",     "faults.retry_after=decimal",
                       "faults.retry_after_seconds=0.05"};

}  // namespace

TEST_CASE("A replay without the tenant gives the exports of the run that was recorded") {
  const bool faults = GENERATE(false, true);
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  INFO("faults " << faults << ", " << credential);
  Workplace work;
  Tenant tenant("small", credential, faults ? kFaults : Words());
  const json recorded = tenant.Summary({"--record", work.Capture()});
  if (faults) CHECK(recorded["api"]["throttled"] > 0);
  const std::string exports = work.Exports(DatabaseOf(tenant));
  tenant.server().Stop();

  const json once = work.ReplayedSummary("once.db");
  const json again = work.ReplayedSummary("again.db");

  for (const char* part : {"run_id", "started_at", "finished_at", "duration_seconds", "status",
                           "objects", "scopes", "grants", "coverage", "scope_methods"}) {
    INFO(part);
    CHECK(once[part] == recorded[part]);
  }
  CHECK(once == again);
  CHECK(work.Exports(work.File("once.db")) == exports);
  CHECK(work.Exports(work.File("again.db")) == exports);
  CHECK(ReadText(work.File("once.db")) == ReadText(work.File("again.db")));
}

TEST_CASE("A capture is for its owner alone and holds nothing that lets anybody in") {
  Workplace work;
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  const Tenant tenant("small", credential);
  tenant.Summary({"--record", work.Capture()});

  CheckPrivate(work.Capture());
  const std::string text = TextOf(work.Capture());
  CHECK(text.find("/drives/") != text.npos);
  for (const std::string& secret :
       {tenant.truth().spec().client_secret, std::string("access_token"),
        std::string("client_assertion"), std::string("Bearer"), std::string("eyJ")}) {
    INFO(secret);
    CHECK(text.find(secret) == text.npos);
  }
}

TEST_CASE("Equal bodies of a capture are kept once and each under its hash") {
  Workplace work;
  const Tenant tenant("small");
  tenant.Summary({"--record", work.Capture()});

  std::set<std::string> named;
  std::size_t lines = 0;
  for (const json& line : ParseLines(ReadText(work.Capture() + "/exchanges.jsonl"))) {
    if (!line.contains("body")) continue;
    ++lines;
    named.insert(line["body"].get<std::string>());
  }
  std::set<std::string> kept;
  for (const fs::path& path : FilesOf(work.Capture() + "/bodies")) {
    const std::string text = Unpacked(path);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      constexpr char kHex[] = "0123456789abcdef";
      hex += {kHex[digest[i] >> 4], kHex[digest[i] & 15]};
    }
    CHECK(path.stem().string() == hex);
    kept.insert(hex);
  }
  CHECK(kept == named);
  CHECK(named.size() < lines);
}

TEST_CASE("A replay that lacks an answer names the question and asks nobody") {
  Workplace work;
  const Tenant tenant("small");
  tenant.Summary({"--record", work.Capture()});
  const std::string file = work.Capture() + "/exchanges.jsonl";
  std::istringstream lines(ReadText(file));
  std::string kept, missing;
  for (std::string line; std::getline(lines, line);) {
    const std::string url = json::parse(line)["url"];
    if (missing.empty() && url.find("/items/") != url.npos) missing = url;
    if (missing.empty() || url != missing) kept += line + "\n";
  }
  REQUIRE_FALSE(missing.empty());
  WriteText(file, kept);
  const auto before = tenant.counters().http_requests;

  const Ended ended = work.Replay("replay.db");

  CHECK(ended.exit == 1);
  CHECK(ended.err.find("holds no answer to GET " + missing) != ended.err.npos);
  CHECK(tenant.counters().http_requests == before);
}

TEST_CASE("A body that was changed is not believed") {
  Workplace work;
  const Tenant tenant("small");
  tenant.Summary({"--record", work.Capture()});
  for (const fs::path& path : FilesOf(work.Capture() + "/bodies")) {
    const std::string text = Unpacked(path) + " ";
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
    WriteText(path.string(), packed);
  }

  const Ended ended = work.Replay("replay.db");

  CHECK(ended.exit == 1);
  CHECK(ended.err.find("damaged") != ended.err.npos);
}

TEST_CASE("What cannot be recorded or replayed is refused with the reason") {
  Workplace work;
  const Tenant tenant("small");
  tenant.Summary({"--record", work.Capture()});
  const auto refused = [](const Ended& ended, const std::string& reason) {
    INFO(ended.err);
    CHECK(ended.exit == 2);
    CHECK(ended.err.find(reason) != ended.err.npos);
  };

  refused(tenant.Audit({"--record", work.Capture()}), "not an empty directory");
  refused(tenant.Audit({"--replay", work.Capture()}), "holds runs already");
  refused(work.Replay("a.db", {"--resume", "last"}), "--replay");
  refused(tenant.Audit({"--record", work.File("b"), "--incremental"}), "--record");
  refused(tenant.Audit({"--pseudonymise"}), "--record");
  refused(Run({"audit", "--replay", work.File("nothing"), "--db", work.File("b.db")}),
          "holds no capture");
}

TEST_CASE("A pseudonymised capture names nobody and nothing, and audits to the same counts") {
  Workplace work;
  const std::string credential = GENERATE(as<std::string>(), kCertificate, kSecret);
  Tenant tenant("small", credential,
                {"personal_sites=3", "odd_name_rate=0.3", "wire.deprecated_twins=true",
                 "faults.rate_truncated=0.01"});
  const std::string real = DatabaseOf(tenant);
  tenant.Summary({"--record", work.File("plain")});
  const json recorded = tenant.Summary({"--record", work.Capture(), "--pseudonymise"});
  tenant.server().Stop();

  const std::string text = PlainTextOf(work.Capture()), plain = PlainTextOf(work.File("plain"));
  REQUIRE(text.find("/drives/") != text.npos);
  const std::set<std::string> names = NamesOf(tenant.truth());
  std::size_t named = 0;  // … where they are not replaced.
  for (const std::string& name : names) {
    INFO(name);
    CHECK_FALSE(Names(text, name));
    named += Names(plain, name);
  }
  CHECK(named > names.size() / 2);
  // Ids of permissions spell logins.
  const std::string exact = TextOf(work.Capture());
  for (std::uint32_t i = 0; i < tenant.truth().directory().user_count(); ++i) {
    const std::string login = tenant.truth().directory().UserAt(i).login;
    CHECK(exact.find(Base64Url(login)) == exact.npos);
  }
  CheckPrivate(work.Capture());

  const json replayed = work.ReplayedSummary("replay.db");

  for (const char* part : {"objects", "scopes", "grants", "scope_methods", "status"}) {
    INFO(part);
    CHECK(replayed[part] == recorded[part]);
  }
  for (const char* part : {"discovered", "read", "inherited", "skipped", "failed"}) {
    INFO(part);
    CHECK(replayed["coverage"][part] == recorded["coverage"][part]);
  }
  CHECK(replayed["coverage"]["gaps"].size() == recorded["coverage"]["gaps"].size());
  // The kinds of principals and the roles are those of the tenant, line by line by id.
  const auto kinds = [&](const std::string& db) {
    std::multiset<std::string> all;
    for (const json& line : ParseLines(Run({"export", "permissions", "--all", "--db", db}).out)) {
      std::string id = line["object_id"];
      id.erase(0, id.find(',') + 1);  // The id of a site begins with its host.
      all.insert(json({id, line["object_type"], line["inherits"], line["principal_type"],
                       line["role"], line["link_scope"], line["link_type"]})
                     .dump());
    }
    return all;
  };
  const auto expected = kinds(real);
  REQUIRE(expected.size() > 100);
  CHECK(kinds(work.File("replay.db")) == expected);
}

TEST_CASE("A pseudonymised capture of named sites is replayed by their other names") {
  Workplace work;
  Tenant tenant("small", kCertificate, {"renamed_sites=2"});
  json sites = json::array();
  std::size_t renamed = 0;
  for (const sim::Web& web : tenant.truth().webs()) {
    if (web.parent >= 0 || web.state != sim::SiteState::kOpen || web.path.empty()) continue;
    renamed += !web.old_path.empty();
    sites.push_back(tenant.server().base_url() + (web.old_path.empty() ? web.path : web.old_path));
  }
  REQUIRE(renamed > 0);
  tenant.Configure({{"target_sites", sites}});
  const json recorded = tenant.Summary({"--record", work.Capture(), "--pseudonymise"});
  CHECK(recorded["objects"]["sites"] >= sites.size());
  tenant.server().Stop();

  const json replayed = work.ReplayedSummary("replay.db");

  for (const char* part : {"objects", "scopes", "grants", "status"}) {
    INFO(part);
    CHECK(replayed[part] == recorded[part]);
  }
}

TEST_CASE("The capture of a run that was killed says so where it ends") {
  Workplace work;
  const Tenant tenant("small", kCertificate, {"faults.latency_ms=20"});
  {
    Program audit(tenant.AuditWords({"--record", work.Capture()}));
    REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests > 30; }));
    audit.Signal(SIGKILL);
    audit.Wait();
  }

  const Ended ended = work.Replay("replay.db");

  CHECK(ended.exit == 1);
  CHECK(ended.err.find("its run did not end") != ended.err.npos);
}

TEST_CASE("A run that never began leaves no capture behind") {
  Workplace work;
  const Tenant tenant("small", kSecret, {"wire.secret_expired=true"});

  const Ended ended = tenant.Audit({"--record", work.Capture()});

  CHECK(ended.exit == 4);
  CHECK_FALSE(fs::exists(work.Capture()));
}

}  // namespace spa::testing
