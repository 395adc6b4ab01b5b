#include "permissions/findings/evaluation.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/log/log.h"
#include "permissions/findings/facts.h"
#include "permissions/findings/run_tables.h"

namespace spa {
namespace {

using Json = nlohmann::ordered_json;

// While it lives, statements that do anything but read cannot be prepared.
class ReadOnly {
 public:
  explicit ReadOnly(sqlite::Database& db) : db_(db) {
    sqlite3_set_authorizer(db.handle(), Allows, nullptr);
  }
  ~ReadOnly() { sqlite3_set_authorizer(db_.handle(), nullptr, nullptr); }
  ReadOnly(const ReadOnly&) = delete;

 private:
  static int Allows(void*, int action, const char*, const char* second, const char*, const char*) {
    switch (action) {
      case SQLITE_SELECT:
      case SQLITE_READ:
      case SQLITE_RECURSIVE:
        return SQLITE_OK;
      case SQLITE_FUNCTION:
        return std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
      default:
        return SQLITE_DENY;
    }
  }
  sqlite::Database& db_;
};

// While it is on, a query that has worked for longer than its time is broken off. Others are left
// alone: what a rule found is stored meanwhile.
class TimeLimit {
 public:
  TimeLimit(sqlite::Database& db, std::optional<std::chrono::duration<double>> time) : db_(db) {
    if (!time) return;
    constexpr int kSteps = 10'000;  // of SQLite's machine, some 100 µs
    end_ = SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(*time);
    sqlite3_progress_handler(db_.handle(), kSteps, IsOver, this);
  }
  ~TimeLimit() { sqlite3_progress_handler(db_.handle(), 0, nullptr, nullptr); }
  TimeLimit(const TimeLimit&) = delete;

  int Step(sqlite3_stmt* statement) {
    on_ = true;
    const int code = sqlite3_step(statement);
    on_ = false;
    return code;
  }

 private:
  using SteadyClock = std::chrono::steady_clock;
  static int IsOver(void* self) {
    const auto* limit = static_cast<const TimeLimit*>(self);
    return limit->on_ && SteadyClock::now() > limit->end_ ? 1 : 0;
  }

  sqlite::Database& db_;
  SteadyClock::time_point end_;
  bool on_ = false;
};

// What took how long, for those who log that much.
class Laps {
 public:
  void Tell(std::string_view what) {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> took = now - last_;
    last_ = now;
    log::Debug(fmt::format("{} took {:.3f} s", what, took.count()));
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Of rules of one's own. Ours are known to end.
std::optional<std::chrono::duration<double>> TimeFor(const Rule& rule,
                                                     const FindingsConfig& config) {
  if (!rule.custom) return std::nullopt;
  return std::chrono::duration<double>(ThresholdOf(config, "rule_seconds"));
}

std::string_view TextOf(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr
             ? std::string_view()
             : std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
}

Json ValueOf(sqlite3_stmt* row, int column) {
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
      return nullptr;
    case SQLITE_INTEGER:
      return sqlite3_column_int64(row, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(row, column);
    default:
      return std::string(TextOf(row, column));
  }
}

// "{name} can {role} it" with the values of those columns.
std::string Fill(const std::string& form, const Json& evidence) {
  std::string text;
  for (std::size_t at = 0; at < form.size();) {
    const std::size_t open = form.find('{', at);
    const std::size_t close = open == std::string::npos ? open : form.find('}', open);
    if (close == std::string::npos) return text + form.substr(at);
    text += form.substr(at, open - at);
    const auto value = evidence.find(form.substr(open + 1, close - open - 1));
    if (value != evidence.end() && !value->is_null()) {
      text += value->is_string() ? value->get<std::string>() : value->dump();
    }
    at = close + 1;
  }
  return text;
}

std::string IdOf(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += fmt::format("{}:{}", part.size(), part);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
  std::string id;
  for (int i = 0; i < 8; ++i) id += fmt::format("{:02x}", digest[i]);
  return id;
}

// An object by what the service calls it, so that it is the same in every database.
class ObjectNames {
 public:
  explicit ObjectNames(sqlite::Database& db)
      : row_(
            db,
            "SELECT e.graph_id, coalesce(c.graph_id, '') FROM entity e LEFT JOIN entity c ON c.oid "
            "= e.container WHERE e.oid = ?") {}
  std::string Of(std::optional<std::int64_t> oid) {
    if (!oid) return {};
    std::string name;
    if (row_.Bind(*oid).Step()) name = fmt::format("{}/{}", row_.Text(1), row_.Text(0));
    row_.Reset();
    return name;
  }

 private:
  sqlite::Statement row_;
};

AppliedRule Apply(AuditStore& store, sqlite::Database& db, const FindingsConfig& config,
                  Facts& facts, const Rule& rule, Status& stored) {
  AppliedRule applied;
  applied.id = rule.id;
  applied.name = rule.name;
  applied.remedy = rule.remedy;
  applied.severity = rule.severity;
  applied.custom = rule.custom;
  applied.reason = facts.Missing(rule.needs);
  applied.state = AppliedRule::State::kNotEvaluated;
  if (!applied.reason.empty()) return applied;
  ObjectNames names(db);
  // A rule of one's own may fail half-way, and has found nothing then.
  std::vector<Finding> held;
  const auto put = [&](const RuleRow& row) {
    if (!stored) return;
    Finding finding;
    finding.rule = rule.id;
    finding.oid = row.oid;
    finding.severity = SeverityNamed(row.severity).value_or(rule.severity);
    finding.id = IdOf({rule.id, names.Of(row.oid), row.key});
    finding.message = row.message;
    finding.evidence = row.evidence;
    if (rule.custom) {
      held.push_back(std::move(finding));
    } else {
      stored = store.PutFinding(finding);
    }
  };
  std::string failed = ApplyRule(db, rule, put, TimeFor(rule, config));
  if (!failed.empty()) {
    applied.reason = std::move(failed);
    return applied;
  }
  for (const Finding& finding : held) {
    if (stored) stored = store.PutFinding(finding);
  }
  applied.reason = facts.Missing(rule.wants);
  applied.state =
      applied.reason.empty() ? AppliedRule::State::kEvaluated : AppliedRule::State::kPartly;
  return applied;
}

}  // namespace

std::string ApplyRule(sqlite::Database& db, const Rule& rule,
                      const std::function<void(const RuleRow&)>& use,
                      std::optional<std::chrono::duration<double>> time) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  std::string failed;
  {
    const ReadOnly guard(db);
    if (sqlite3_prepare_v2(db.handle(), rule.sql.c_str(), -1, &statement, &rest) != SQLITE_OK) {
      return fmt::format("its query fails: {}", sqlite3_errmsg(db.handle()));
    }
    sqlite3_stmt* second = nullptr;
    if (sqlite3_prepare_v2(db.handle(), rest, -1, &second, nullptr) != SQLITE_OK || second) {
      failed = "its query is more than one statement";
    } else if (statement == nullptr) {
      failed = "it has no query";
    }
    sqlite3_finalize(second);
  }
  // Under way the authorizer is asked no more, and `use` may write.
  const int columns = failed.empty() ? sqlite3_column_count(statement) : 0;
  int code = SQLITE_DONE;
  TimeLimit limit(db, time);
  while (failed.empty() && (code = limit.Step(statement)) == SQLITE_ROW) {
    RuleRow row;
    Json evidence = Json::object();
    for (int i = 0; i < columns; ++i) {
      const std::string_view name = sqlite3_column_name(statement, i);
      if (name == "oid") {
        if (sqlite3_column_type(statement, i) == SQLITE_INTEGER) {
          row.oid = sqlite3_column_int64(statement, i);
        }
      } else if (name == "key") {
        row.key = TextOf(statement, i);
      } else if (name == "severity") {
        row.severity = TextOf(statement, i);
      } else {
        evidence[std::string(name)] = ValueOf(statement, i);
      }
    }
    row.message = Fill(rule.message.empty() ? rule.name : rule.message, evidence);
    row.evidence = evidence.dump(-1, ' ', false, Json::error_handler_t::replace);
    use(row);
  }
  if (failed.empty() && code == SQLITE_INTERRUPT) {
    failed = fmt::format(
        "its query was broken off after {} s: make it faster, or raise "
        "findings.thresholds.rule_seconds",
        time->count());
  } else if (failed.empty() && code != SQLITE_DONE) {
    failed = fmt::format("its query fails: {}", sqlite3_errmsg(db.handle()));
  }
  sqlite3_finalize(statement);
  return failed;
}

Result<std::vector<Rule>> RulesOf(const FindingsConfig& config) {
  if (auto checked = CheckThresholds(config.thresholds); !checked) return Fail(checked.error());
  std::vector<Rule> rules(BuiltInRules().begin(), BuiltInRules().end());
  if (config.rules.empty()) return rules;
  auto own = ReadRules(config.rules);
  if (!own) return Fail(own.error());
  for (Rule& rule : *own) {
    if (std::any_of(rules.begin(), rules.end(), [&](const Rule& r) { return r.id == rule.id; })) {
      return Fail(ErrorCode::kUsage,
                  fmt::format("{}: there is a rule {} already", config.rules, rule.id),
                  "give it another id");
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

Status EvaluateFindings(AuditStore& store, RunNo run, const FindingsConfig& config,
                        const std::vector<Rule>& rules) {
  return store.Conclude([&](sqlite::Database& db) -> Status {
    Laps laps;
    const RunTables tables(db, run, config);
    if (auto made = db.Check("preparing the rules"); !made) return made;
    laps.Tell("the tables for the rules");
    Facts facts(db);
    Status stored;
    for (const Rule& rule : rules) {
      const AppliedRule applied = Apply(store, db, config, facts, rule, stored);
      if (stored) stored = store.PutRule(applied);
      if (!stored) return stored;
      laps.Tell("rule " + rule.id);
    }
    return {};
  });
}

}  // namespace spa
