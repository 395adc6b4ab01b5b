// What the tenant, its sites and its guests are set to, when: texts by key (docs/schema.md).
#include "core/store/sqlite_store.h"

namespace spa {

Status SqliteStore::PutSetting(const std::string& key, const std::string& value) {
  if (auto begun = StartWrite(); !begun) return begun;
  const auto same =
      db_->Get("UPDATE setting SET read_run = ?3 WHERE key = ?1 AND to_run IS NULL AND value = ?2")
          .Bind(key, value, run_)
          .Run();
  if (same == 0) {
    db_->Get("DELETE FROM setting WHERE key = ? AND from_run = ?").Bind(key, run_).Run();
    db_->Get("UPDATE setting SET to_run = ?2 WHERE key = ?1 AND to_run IS NULL")
        .Bind(key, run_)
        .Run();
    db_->Get("INSERT INTO setting(key, from_run, value, read_run) VALUES (?1, ?2, ?3, ?2)")
        .Bind(key, run_, value)
        .Run();
  }
  return EndWrite("storing a setting");
}

Status SqliteStore::SettleSettings(const std::string& prefix) {
  if (auto begun = StartWrite(); !begun) return begun;
  // All keys that begin so lie together; none holds the greatest character.
  const std::string end = prefix + "\xf4\x8f\xbf\xbf";
  db_->Get(
         "UPDATE setting SET to_run = ?3 WHERE key >= ?1 AND key < ?2 AND to_run IS NULL AND "
         "read_run < ?3")
      .Bind(prefix, end, run_)
      .Run();
  return EndWrite("ending settings that are no more");
}

Result<bool> SqliteStore::KnowsGuests() {
  if (auto begun = StartWrite(); !begun) return Fail(begun.error());
  const bool any =
      db_->Number(
          "SELECT EXISTS (SELECT 1 FROM principal WHERE user_type = 'guest' AND to_run IS NULL) OR "
          "EXISTS (SELECT 1 FROM group_info g JOIN member m ON m.member_set = g.member_set WHERE "
          "g.to_run IS NULL AND m.user_type = 'guest')") != 0;
  if (auto ended = EndWrite("looking for guests"); !ended) return Fail(ended.error());
  return any;
}

}  // namespace spa
