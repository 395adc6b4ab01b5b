// Numbers for the items of a drive that is held in memory.

#include "core/sqlite_rows.h"
#include "core/store/sqlite_store.h"

namespace spa {
namespace {

using Node = HeldDrive::Node;

// Items that the database has not seen before.
class NewItems final : public sqlite::RowSource {
 public:
  void Add(Node& node, Oid oid) {
    node.oid = oid;
    nodes_.push_back(&node);
  }

  std::size_t size() const override { return nodes_.size(); }
  void Column(std::size_t row, int column, sqlite3_context* out) const override {
    if (column == 0) return Put(out, nodes_[row]->oid);
    Put(out, std::string_view(nodes_[row]->item->id));
  }

 private:
  std::vector<const Node*> nodes_;
};

}  // namespace

bool SqliteStore::NumberItems(Oid library, HeldDrive& drive) {
  auto& known = db_->Get("SELECT graph_id, oid FROM entity WHERE container = ? ORDER BY graph_id");
  bool more = known.Bind(library).Step();
  const bool any = more;
  for (Node& node : drive.nodes()) {
    while (more && known.Text(0) < node.item->id) more = known.Step();
    if (!more) break;
    if (known.Text(0) == node.item->id) node.oid = known.Int(1);
  }
  known.Reset();

  auto& last = db_->Get("SELECT max(oid) FROM entity");
  Oid oid = last.Bind().Step() ? last.Int(0) : 0;
  last.Reset();
  NewItems fresh;
  for (const bool folders : {true, false}) {
    for (Node& node : drive.nodes()) {
      if (node.oid == 0 && !node.item->is_root && node.IsFolder() == folders)
        fresh.Add(node, ++oid);
    }
  }
  db_->Get("INSERT INTO entity(oid, container, graph_id) SELECT c0, ?2, c1 FROM rows(?1)")
      .Bind(&fresh, library)
      .Run();
  return any;
}

}  // namespace spa
