package io.calm.generate;

import io.calm.runtime.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The allocator of a decoder's KV blocks, by id: reference counts, free blocks, and the prefix
 * cache. Knows no tensors.
 *
 * <p>A block is free, held by block tables, or idle in the prefix cache. A partly filled block is
 * held by exactly one table. Tables with equal tokens share their full blocks, even if both
 * computed them, since the decoder's results are bit-identical. All operations take constant time
 * per block, except {@link #withoutMemory}. Not thread safe.
 */
final class BlockManager {
  private static final int TOKENS = Decoder.BLOCK_TOKENS;

  private final int[] holders; // number of tables that hold a block, by id
  private final int[] free;
  private int freeCount;

  /** Number of free blocks without memory; they are first in {@link #free} and are not used. */
  private int unbacked;

  private final PrefixCache cache;
  private long changes;

  /**
   * A cached prefix.
   *
   * @param blocks number of blocks
   * @param idle number of these that no table holds
   */
  record Prefix(int blocks, int idle) {
    static final Prefix NONE = new Prefix(0, 0);
  }

  BlockManager(int blocks) {
    holders = new int[blocks];
    free = new int[blocks];
    for (int id = blocks - 1; id >= 0; id--) {
      free[freeCount++] = id;
    }
    cache = new PrefixCache(blocks);
  }

  int blocks() {
    return holders.length;
  }

  /** Returns the number of blocks that can be allocated: free ones and idle cached ones. */
  int available() {
    return freeCount - unbacked + cache.idle();
  }

  /** Returns the number of blocks that tables hold. */
  int used() {
    return holders.length - freeCount - cache.idle();
  }

  /** Returns the number of idle cached blocks. */
  int cached() {
    return cache.idle();
  }

  /** Returns a counter that changes whenever the tables or the cache change. */
  long changes() {
    return changes;
  }

  /** Returns the prefix that {@link #share} would find; does not count as a use of the cache. */
  Prefix prefix(int[] tokens, int length) {
    List<PrefixCache.Node> nodes = cached(cache.root(), 0, tokens, length);
    int idle = (int) nodes.stream().filter(node -> holders[node.block()] == 0).count();
    return new Prefix(nodes.size(), idle);
  }

  /** Returns the cached blocks that continue a prefix of {@code start} tokens, its last node. */
  private List<PrefixCache.Node> cached(
      PrefixCache.Node last, int start, int[] tokens, int length) {
    List<PrefixCache.Node> nodes = new ArrayList<>();
    Optional<PrefixCache.Node> next = Optional.of(last);
    for (int from = start; from + TOKENS < length; from += TOKENS) {
      next = cache.child(next.get(), tokens, from);
      if (next.isEmpty()) {
        break;
      }
      nodes.add(next.get());
    }
    return nodes;
  }

  /**
   * Continues a table's published blocks with all cached ones that follow; they replace a partly
   * filled block. The prefix consists of full blocks and never includes the last token, whose
   * logits must be computed.
   *
   * @return the number of tokens in the table's published blocks
   */
  int share(BlockTable table, int[] tokens, int length) {
    List<PrefixCache.Node> nodes = table.nodes();
    int start = nodes.size() * TOKENS;
    PrefixCache.Node last = nodes.isEmpty() ? cache.root() : nodes.get(nodes.size() - 1);
    List<PrefixCache.Node> found = cached(last, start, tokens, length);
    if (!found.isEmpty()) {
      release(table, start);
    }
    for (PrefixCache.Node node : found) {
      hold(node);
      table.add(node.block());
      nodes.add(node);
    }
    return nodes.size() * TOKENS;
  }

  /**
   * Allocates blocks for the first {@code tokens} tokens. If no other table holds blocks, blocks
   * without memory are used as a last resort, since memory may be available again.
   *
   * @return false if there are not enough blocks; none was allocated
   */
  boolean reserve(BlockTable table, int tokens) {
    int missing = Decoder.blocksFor(tokens) - table.size();
    if (missing > (holdsAll(table) ? holders.length - used() : available())) {
      return false;
    }
    for (int i = 0; i < missing; i++) {
      int id = freeCount > unbacked || cache.idle() == 0 ? takeFree() : cache.evict();
      holders[id] = 1;
      table.add(id);
      changes++;
    }
    return true;
  }

  /**
   * Allocates blocks for the first {@code tokens} tokens as {@link #reserve} does, but none without
   * memory, and none of the last {@code promised} ones, which other sequences need.
   */
  boolean reserveAvailable(BlockTable table, int tokens, int promised) {
    int missing = Decoder.blocksFor(tokens) - table.size();
    return missing + promised <= available() && reserve(table, tokens);
  }

  private boolean holdsAll(BlockTable table) {
    return used() == table.size();
  }

  /** Returns whether this table alone holds blocks and still cannot have {@code tokens} tokens. */
  boolean exceedsMemory(BlockTable table, int tokens) {
    return holdsAll(table) && Decoder.blocksFor(tokens) - table.size() > available();
  }

  /**
   * Adds the table's full blocks to the prefix cache.
   *
   * @param length number of tokens whose keys and values are stored
   */
  void publish(BlockTable table, int[] tokens, int length) {
    List<PrefixCache.Node> nodes = table.nodes();
    for (int i = nodes.size(); (i + 1) * TOKENS <= length; i++) {
      PrefixCache.Node parent = i == 0 ? cache.root() : nodes.get(i - 1);
      int own = table.id(i);
      Optional<PrefixCache.Node> twin = cache.child(parent, tokens, i * TOKENS);
      if (twin.isPresent()) {
        hold(twin.get());
        table.set(i, twin.get().block());
        holders[own] = 0;
        free[freeCount++] = own;
        nodes.add(twin.get());
      } else {
        nodes.add(cache.add(parent, tokens, i * TOKENS, own));
        changes++;
      }
    }
  }

  /** Empties a table. Its published blocks stay in the cache; the first ones are evicted last. */
  void release(BlockTable table) {
    release(table, 0);
  }

  /** Releases a table's blocks beyond the first {@code tokens} tokens. */
  void release(BlockTable table, int tokens) {
    int kept = Decoder.blocksFor(tokens);
    for (int i = table.size() - 1; i >= kept; i--) {
      int id = table.id(i);
      changes++;
      if (--holders[id] == 0) {
        if (i < table.nodes().size()) {
          cache.release(table.nodes().get(i));
        } else {
          free[freeCount++] = id;
        }
      }
    }
    table.truncate(kept);
  }

  /** Returns the number of blocks that become available if all of these tables are released. */
  int heldOnlyBy(List<BlockTable> tables) {
    Map<Integer, Integer> holdersAmong = new HashMap<>();
    for (BlockTable table : tables) {
      for (int i = 0; i < table.size(); i++) {
        holdersAmong.merge(table.id(i), 1, Integer::sum);
      }
    }
    return (int)
        holdersAmong.entrySet().stream()
            .filter(block -> holders[block.getKey()] == block.getValue())
            .count();
  }

  private int takeFree() {
    int id = free[--freeCount];
    unbacked = Math.min(unbacked, freeCount);
    return id;
  }

  /**
   * Marks blocks that have no memory, which no table may hold. They are not allocated, as if the
   * budget were smaller.
   */
  void withoutMemory(Set<Integer> ids) {
    int[] usable = Arrays.stream(free, 0, freeCount).filter(id -> !ids.contains(id)).toArray();
    int[] others = Arrays.stream(free, 0, freeCount).filter(ids::contains).toArray();
    unbacked = others.length;
    System.arraycopy(others, 0, free, 0, unbacked);
    System.arraycopy(usable, 0, free, unbacked, usable.length);
    changes++;
  }

  /** Allows blocks without memory to be allocated again, after all other free blocks. */
  void retryMemory() {
    changes += unbacked > 0 ? 1 : 0;
    unbacked = 0;
  }

  private void hold(PrefixCache.Node node) {
    holders[node.block()]++;
    changes++;
    cache.hold(node);
  }
}
