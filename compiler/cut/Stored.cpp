// Input: clusters and floating operations. Output: which values are in memory, and who stores them.
// Operations are visited in reverse order, so that all readers of a value are known: the clusters that want it.
// 1. A core's result is stored if another cluster or the caller wants it.
// 2. An element-wise end of a cluster that others want is stored there, or sinks: the readers compute it and want
//    its operands instead (a cast back to f32, a square before a reduction).
// 3. A floating value is computed by each cluster that wants it, or stored: by a cluster that passes over its
//    elements anyway, else by a cluster of its own. A contraction computes only cheap things in its operands. A
//    piece of values that are all stored anyway, each whole and in no other piece, may be assembled: they are
//    stored as parts of one buffer, and its readers see one tensor.
// 4. Work on weights alone is stored by a prepare cluster when a run cluster wants it.
#include "compiler/affine/Ranges.h"
#include "compiler/cut/Plan.h"

using namespace mlir;
using namespace tgc::graph;

namespace tgc::cut {
namespace {

/// How a cluster wants a value.
struct Want {
  double points = 0;    ///< evaluations if it is computed there
  bool operand = false; ///< of a contraction
  bool memory = false;  ///< it must be in memory
};
using Wants = llvm::SmallMapVector<unsigned, Want, 4>;

class Chooser {
public:
  explicit Chooser(Plan &plan) : plan(plan), cost(plan.choices.cost), context(plan.context()) {}

  void run() {
    Block &block = plan.function.getBody().front();
    for (Value result : block.getTerminator()->getOperands())
      if (cast<RankedTensorType>(result.getType()).getNumElements() > 0)
        returned_.insert(plan.accesses.resolve(result).root);
    for (Operation &op : llvm::reverse(block.without_terminator()))
      if (plan.accesses.isSolid(&op) && !isWeight(&op) && !isSplat(&op))
        visit(&op);
    for (Cluster &cluster : plan.clusters) {
      std::reverse(cluster.outputs.begin(), cluster.outputs.end());
      cluster.dead |= cluster.outputs.empty();
    }
  }

private:
  void visit(Operation *op) {
    bool live = false;
    for (Value result : op->getResults())
      live |= returned_.contains(result) || wants_.contains(result);
    if (!live)
      return;
    if (isCore(op))
      visitCore(op);
    else if (plan.owner.contains(op))
      visitMember(op);
    else
      visitFloating(op);
  }

  static Wants outside(const Wants &wants, unsigned cluster) {
    Wants others = wants;
    others.erase(cluster);
    return others;
  }

  void store(Value value, Cluster &cluster) {
    plan.stored.insert({value, cluster.id});
    cluster.outputs.push_back(value);
  }

  void want(const Read &read, unsigned cluster, Want want) {
    Want &known = wants_[read.root][cluster];
    known.points += want.points;
    known.operand |= want.operand;
    known.memory |= want.memory;
  }

  /// The operands of an operation that `cluster` computes `points` times.
  void wantOperands(Operation *op, unsigned cluster, Want by) {
    ArrayRef<Read> reads = plan.accesses.reads(op);
    if (auto contract = dyn_cast<ContractOp>(op)) {
      const AffineMap maps[] = {contract.getLhsMap(), contract.getRhsMap()};
      for (auto [i, map] : llvm::enumerate(maps)) {
        double points = 1;
        for (auto [dim, extent] : llvm::enumerate(contract.getExtents()))
          if (map.isFunctionOfDim(dim))
            points *= extent;
        bool logits = i == 0 && contract.getKind() == ContractKind::Softmax;
        want(reads[i], cluster, logits ? Want{points} : Want{points * cost.operandReuse, true});
      }
      return;
    }
    double points = isCore(op) ? double(elements(domainOf(op))) : by.points;
    for (auto [i, read] : llvm::enumerate(reads))
      want(read, cluster, {points, by.operand, isa<GatherOp>(op) && i == 0});
  }

  static int64_t elements(Extents shape) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    return count;
  }

  void visitCore(Operation *op) {
    Cluster &cluster = *plan.ownerOf(op);
    for (Value result : op->getResults())
      if (returned_.contains(result) || !outside(wants_[result], cluster.id).empty())
        store(result, cluster);
    wantOperands(op, cluster.id, {});
  }

  void visitMember(Operation *op) {
    Cluster &cluster = *plan.ownerOf(op);
    Value result = op->getResult(0);
    Wants wants = wants_[result], others = outside(wants, cluster.id);
    Want own = wants.lookup(cluster.id);
    bool stores = returned_.contains(result) || (!others.empty() && storesMember(op, others));
    if (stores) {
      store(result, cluster);
      own.points = std::max(own.points, double(elementsOf(result)));
    } else {
      for (auto &[id, by] : others)
        wantOperands(op, id, by);
    }
    if (stores || wants.contains(cluster.id))
      wantOperands(op, cluster.id, own);
  }

  bool storesMember(Operation *op, const Wants &others) {
    Value result = op->getResult(0);
    double outputs = plan.ownerOf(op)->outputs.size();
    double store =
        cost.storeSeconds * (1 + outputs) + cost.bytes(double(bytesOf(result)) * (1 + others.size()));
    double sink = 0;
    for (auto &[id, want] : others) {
      if (want.memory || (want.operand && !isCheapInOperand(op)))
        return true;
      sink += cost.flops(want.points, flopsOf(op));
    }
    for (const Read &read : plan.accesses.reads(op)) {
      Operation *source = read.root.getDefiningOp();
      if (source && isSplat(source))
        continue;
      double bytes = std::min(double(bytesOf(read.root)), elementsOf(result) * elementBytes(read.root));
      bool anyway = inMemoryAnyway(read.root);
      if (!anyway)
        sink += cost.bytes(bytes) + cost.storeSeconds;
      for (auto &[id, want] : others)
        if (!anyway || !plan.clusters[id].placed.contains(read.root))
          sink += cost.bytes(bytes);
    }
    return plan.choices.decide(Choice::StoreOrSink, result, store, sink);
  }

  static double elementBytes(Value value) {
    return double(bytesOf(value)) / std::max<int64_t>(elementsOf(value), 1);
  }

  /// Whether the value is stored whatever sinks here: others want it, or an operation outside its cluster reads it.
  bool inMemoryAnyway(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || isWeight(op) || returned_.contains(value) || plan.stored.contains(value))
      return true;
    auto owner = plan.owner.find(op);
    if (owner == plan.owner.end())
      return false;
    if (auto it = wants_.find(value); it != wants_.end() && !outside(it->second, owner->second).empty())
      return true;
    return readOutside(value, owner->second);
  }
  bool readOutside(Value value, unsigned owner) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      if (!plan.accesses.isSolid(user))
        return readOutside(user->getResult(0), owner);
      auto it = plan.owner.find(user);
      return user->getNumResults() > 0 && (it == plan.owner.end() || it->second != owner);
    });
  }

  /// Arithmetic and memory of a floating value's tree, for one element and for all.
  struct Tree {
    double flops = 0, bytes = 0;
  };
  Tree treeOf(Value value) {
    Operation *op = value.getDefiningOp();
    if (op && isSplat(op))
      return {};
    if (!op || isWeight(op) || plan.owner.contains(op) || plan.stored.contains(value))
      return {0, double(bytesOf(value))};
    if (auto known = trees_.find(value); known != trees_.end())
      return known->second;
    // Joined weights will be in memory.
    if (isa<PieceOp>(op) && plan.isWeightOnly(op))
      return trees_[value] = {0, double(bytesOf(value))};
    Tree tree{flopsOf(op), 0};
    for (const Read &read : plan.accesses.reads(op)) {
      Tree source = treeOf(read.root);
      tree.flops += source.flops;
      tree.bytes += std::min(source.bytes, elementsOf(value) * elementBytes(read.root));
    }
    return trees_[value] = tree;
  }

  void visitFloating(Operation *op) {
    Value result = op->getResult(0);
    Wants wants = wants_[result];
    if (auto piece = dyn_cast<PieceOp>(op); piece && assembles(piece, wants))
      return;
    if (!storesFloating(op, wants)) {
      for (auto &[id, by] : wants)
        wantOperands(op, id, by);
      return;
    }
    Cluster *cluster = passingCluster(op, wants);
    if (cluster) {
      plan.owner[op] = cluster->id;
      cluster->members.push_back(op);
      cluster->firstOp = std::min(cluster->firstOp, plan.position.lookup(op));
      cluster->lastOp = std::max(cluster->lastOp, plan.position.lookup(op));
    } else {
      cluster = &plan.newCluster(op);
      noteNeeds(op, *cluster);
      cluster->axes.assign(shapeOf(result).begin(), shapeOf(result).end());
      cluster->placed[result] = {identityIndex(cluster->axes, context), {}};
    }
    store(result, *cluster);
    for (auto &[id, by] : wants)
      addRead(plan.clusters[id], cluster->id);
    wantOperands(op, cluster->id, {double(elementsOf(result))});
  }

  static void addRead(Cluster &cluster, unsigned id) {
    if (id != cluster.id && !llvm::is_contained(cluster.reads, id))
      cluster.reads.push_back(id);
  }

  /// Clusters that a floating operation needs values of, through operations that float.
  void noteNeeds(Operation *op, Cluster &cluster) {
    for (const Read &read : plan.accesses.reads(op)) {
      Operation *source = read.root.getDefiningOp();
      if (!source || isWeight(source) || isSplat(source))
        continue;
      if (auto it = plan.owner.find(source); it != plan.owner.end())
        addRead(cluster, it->second);
      else
        noteNeeds(source, cluster);
    }
  }

  /// Whether a floating operation needs values of a cluster, directly or not.
  bool needs(Operation *op, unsigned id) {
    for (const Read &read : plan.accesses.reads(op)) {
      Operation *source = read.root.getDefiningOp();
      if (!source || isWeight(source) || isSplat(source))
        continue;
      auto it = plan.owner.find(source);
      if (it == plan.owner.end() ? needs(source, id) : plan.reaches(it->second, id))
        return true;
    }
    return false;
  }

  bool storesFloating(Operation *op, const Wants &wants) {
    Value result = op->getResult(0);
    if (returned_.contains(result))
      return true;
    bool weights = plan.isWeightOnly(op);
    bool run = llvm::any_of(wants, [&](auto &want) { return !plan.clusters[want.first].prepare; });
    // What a cluster computes from its own values cannot come from another kernel.
    for (auto &[id, want] : wants)
      if (needs(op, id))
        return false;
    Tree tree = treeOf(result);
    double readers = wants.size(), bytes = bytesOf(result);
    double store = cost.bytes(bytes * readers), inline_ = cost.bytes(tree.bytes * readers);
    if (!weights || !run)
      store += cost.launchSeconds + cost.bytes(bytes + tree.bytes) +
               cost.flops(double(elementsOf(result)), tree.flops);
    for (auto &[id, want] : wants) {
      if (want.memory || (want.operand && !isCheapInOperand(op)))
        return true;
      inline_ += cost.flops(want.points, tree.flops);
    }
    // Joined weights are one operand, not a load in pieces.
    if (weights && run && isMovement(op) &&
        llvm::any_of(wants, [](auto &want) { return want.second.operand; }))
      return true;
    // Sources that are stored instead cost a kernel each.
    if (isMovement(op) && (!weights || !run))
      inline_ += cost.launchSeconds * expensiveSources(op);
    return tree.flops > 0 && plan.choices.decide(Choice::StoreOrInline, result, store, inline_);
  }

  /// Floating values that a movement reads and that cost more than a contraction computes in its operand.
  unsigned expensiveSources(Operation *op) {
    llvm::SmallDenseSet<Value> found;
    auto visit = [&](auto &self, Operation *movement) -> void {
      for (const Read &read : plan.accesses.reads(movement)) {
        Operation *source = read.root.getDefiningOp();
        if (!source || isWeight(source) || isSplat(source) || plan.owner.contains(source))
          continue;
        if (isMovement(source))
          self(self, source);
        else if (!isCheapInOperand(source) || treeOf(read.root).flops > cost.hiddenFlops)
          found.insert(read.root);
      }
    };
    visit(visit, op);
    return found.size();
  }

  // Assembling.

  bool assembles(PieceOp op, const Wants &wants) {
    Value whole = op.getResult();
    bool weights = plan.isWeightOnly(op);
    if (returned_.contains(whole) ||
        (weights && llvm::all_of(wants, [&](auto &want) { return plan.clusters[want.first].prepare; })))
      return false;
    ArrayRef<Read> reads = plan.accesses.reads(op);
    SmallVector<Exprs> places;
    llvm::SmallDenseSet<Value> parts;
    int64_t total = 0;
    for (const Read &read : reads) {
      auto place = mayBePart(read.root, weights) ? placeInPiece(op, places.size()) : std::nullopt;
      if (!place || !parts.insert(read.root).second)
        return false;
      places.push_back(*place);
      total += elementsOf(read.root);
    }
    if (total != elementsOf(whole))
      return false;
    // What a cluster computes from its own values cannot come from memory.
    for (auto &[id, want] : wants)
      if (needs(op, id))
        return false;
    if (!plan.choices.decide(Choice::Assemble, whole, 0, cost.storeSeconds * reads.size()))
      return false;
    plan.assembled.insert(whole);
    for (auto [read, place] : llvm::zip(reads, places)) {
      plan.parts[read.root] = {whole, place};
      for (auto &[id, by] : wants)
        want(read, id, {0, false, true});
    }
    return true;
  }

  /// Whether a value is stored in any case, or is a copy of a weight made for this, and has no other home.
  bool mayBePart(Value value, bool weights) {
    Operation *op = value.getDefiningOp();
    if (!op || isWeight(op) || isSplat(op) || returned_.contains(value) || plan.parts.contains(value) ||
        plan.assembled.contains(value))
      return false;
    if (weights || plan.owner.contains(op))
      return true;
    return !isMovement(op) && treeOf(value).flops > cost.hiddenFlops;
  }

  /// Where the elements of source `i` stand in the whole piece: an affine index over the source's dimensions.
  std::optional<Exprs> placeInPiece(PieceOp op, unsigned i) {
    Extents whole = shapeOf(op.getResult());
    const Read &read = plan.accesses.reads(op)[i];
    Extents shape = shapeOf(read.root);
    auto inverse = affine::invert(AffineMap::get(whole.size(), 0, read.index, context), whole, shape);
    if (!inverse)
      return std::nullopt;
    Exprs place = simplified(inverse->dims.getResults(), shape);
    for (AffineExpr expr : place)
      if (!linearForm(expr, shape.size()))
        return std::nullopt;
    if (!affine::alwaysInside(AffineMap::get(shape.size(), 0, place, context), whole, shape) ||
        simplified(replaceDims(read.index, place), shape) != identityIndex(shape, context))
      return std::nullopt;
    // Every element must be this source's, and no earlier one's.
    SmallVector<Piece> pieces = getPieces(op);
    for (unsigned k = 0; k <= i; ++k) {
      Conditions where;
      where.add(pieces[k].where, place);
      for (auto [expr, extent] : llvm::zip(pieces[k].map.getResults(), shapeOf(pieces[k].source))) {
        AffineExpr at = expr.replaceDims(place);
        where.add(at, false);
        where.add(extent - 1 - at, false);
      }
      where.simplify(shape);
      if (k == i ? !where.empty() : !where.neverHold())
        return std::nullopt;
    }
    return place;
  }

  /// A cluster that computes the value at each of its elements once, and that none of the other readers
  /// precedes.
  Cluster *passingCluster(Operation *op, const Wants &wants) {
    Value result = op->getResult(0);
    for (auto &[id, want] : wants) {
      Cluster &cluster = plan.clusters[id];
      auto it = cluster.placed.find(result);
      if (want.memory || it == cluster.placed.end() || !it->second.where.empty() ||
          cluster.prepare != plan.isWeightOnly(op) || elementsOf(result) != elements(cluster.axes))
        continue;
      if (llvm::none_of(wants, [&](auto &other) {
            return other.first != cluster.id && plan.reaches(cluster.id, other.first);
          }))
        return &cluster;
    }
    return nullptr;
  }

  Plan &plan;
  const CostModel &cost;
  MLIRContext *context;
  llvm::DenseMap<Value, Wants> wants_;
  llvm::DenseMap<Value, Tree> trees_;
  llvm::DenseSet<Value> returned_;
};

} // namespace

void chooseStored(Plan &plan) { Chooser(plan).run(); }

} // namespace tgc::cut
