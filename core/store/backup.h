// Backup and restore of the audit database.
//
// A backup is the database as one moment saw it, a plain SQLite file that any tool can read, with
// one line behind it: how many bytes it has, and their SHA-256. It is taken beside a run that
// writes, checked for damage, and gets its name when it is whole. A run that was under way counts
// as interrupted in it.
//
// A restore proves the checksum first. It then replaces the content of the database in one
// transaction, under the lock that runs take: other programs see the old content or the new one,
// and a failure leaves the old one.
//
// Threads: blocks, for as long as copying the file takes. `stop` is asked every few megabytes; both
// then undo what they did and return nothing.
// Errors: kUsage for files that are something else, newer than this program, or in the way;
// kMalformed for a backup that is damaged; kBusy where a run holds the database; kStorage.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/result.h"

namespace spa {

struct BackupInfo {
  BackupInfo() = default;
  std::string path;
  std::int64_t bytes = 0;  // Of the file.
  std::string sha256;      // Of the database in it: what its last line says.
  std::int64_t schema = 0;
  std::int64_t runs = 0;
  std::string last_run;         // Id of the last finished run; empty: none.
  std::string last_started_at;  // When that began.
};

using StopAsked = std::function<bool()>;

// `overwrite`: a file that is there is replaced at the end; else it is kUsage.
Result<std::optional<BackupInfo>> BackUpDatabase(const std::string& db_path,
                                                 const std::string& file, bool overwrite,
                                                 const StopAsked& stop);

// Reads all of it.
Result<BackupInfo> CheckBackup(const std::string& file);

struct RestoreInfo {
  RestoreInfo() = default;
  BackupInfo backup;
  std::string kept;  // A backup of what was there before; empty: nothing was.
};

// `keep`: what the database held is backed up beside it first. What an interrupted run of it had
// staged goes in any case.
Result<std::optional<RestoreInfo>> RestoreDatabase(const std::string& file,
                                                   const std::string& db_path, bool keep,
                                                   const StopAsked& stop);

}  // namespace spa
