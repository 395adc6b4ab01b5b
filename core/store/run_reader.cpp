#include "core/store/run_reader.h"

namespace spa {

Result<RunReader> OpenRun(const std::string& db_path, const std::string& id,
                          const std::string& pragmas) {
  // The store checks that the file is ours, and knows which run is meant.
  auto store = AuditStore::Open(db_path, AuditStore::Mode::kReadOnly);
  if (!store) return Fail(std::move(store.error()));
  auto run = (*store)->FindRun(id == "last" ? "" : id);
  if (!run) return Fail(std::move(run.error()));
  auto db = sqlite::Database::Open(db_path, sqlite::Database::Mode::kReadOnly);
  if (!db) return Fail(std::move(db.error()));
  RunReader reader;
  reader.db = *std::move(db);
  reader.info = *std::move(run);
  reader.db->Exec(pragmas + "BEGIN");
  if (auto opened = reader.db->Check("opening " + db_path); !opened) return Fail(opened.error());
  return reader;
}

}  // namespace spa
