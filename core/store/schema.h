// The schema of the audit database and the way from older versions to it.
//
// Versions are counted by PRAGMA user_version; application_id tells our files from others'.
// Migrations only go forward, each in one transaction, and after a backup: the file as it was is
// copied to "<path>.v<N>-backup" first.
#pragma once

#include <span>
#include <string>

#include "core/sqlite.h"

namespace spa {

inline constexpr int kApplicationId = 0x53504155;  // "SPAU"

// kUsage: not an audit database, or one made by a newer program; for reading alone also one made by
// an older program, which nobody brought to this schema yet.
Status CheckSchema(sqlite::Database& db, int newest, bool read_only);
// Brings `db` to the last of `steps`; steps[i] leads from version i to version i + 1.
Status Migrate(sqlite::Database& db, std::span<const char* const> steps);

std::span<const char* const> SchemaSteps();  // The program's own.

std::string Quoted(const std::string& text);  // As SQL has it, for ATTACH and the like.

// The staging area: scratch tables in a file of its own beside the database, attached as "stage".
// Nothing in it outlives the run, unless that may be resumed: then `keep` it.
Status AttachStage(sqlite::Database& db, std::int64_t run, bool resumed);
void DetachStage(sqlite::Database& db, bool keep);
// Of a run that nobody will resume. Not while it is attached.
void RemoveStage(const sqlite::Database& db);

}  // namespace spa
