package io.calm.generate;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import io.calm.runtime.Decoder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A cache of full KV blocks, keyed by all tokens up to the end of the block.
 *
 * <p>The cache is a tree in which each edge is labelled with the tokens of one block, as in
 * SGLang's RadixAttention (arXiv 2312.07104). Lookup compares tokens, not only hashes, so a hash
 * collision cannot return a wrong block. Caffeine records every use and chooses the node to evict
 * (W-TinyLFU, arXiv 1512.00727). It counts uses by a hash of the whole path, so the frequency of an
 * evicted prefix is remembered.
 *
 * <p>A sequence that holds a node also holds its ancestors. Descendants of an idle node are
 * therefore idle, and are used no more often than the node. If Caffeine chooses a node with
 * children, one of its leaves is evicted instead.
 *
 * <p>Not thread safe. Deterministic: depends neither on time nor on other threads.
 */
final class PrefixCache {
  private static final int TOKENS = Decoder.BLOCK_TOKENS;

  private final Node root = new Node(-1, 0, Optional.empty(), new Edge(new int[0]));
  private final Cache<Node, Node> nodes;
  private final Policy.Eviction<Node, Node> policy;
  private int idle;

  PrefixCache(int blocks) {
    this.nodes = Caffeine.newBuilder().maximumSize(blocks).executor(Runnable::run).build();
    this.policy = nodes.policy().eviction().orElseThrow();
  }

  /** A cached block. */
  static final class Node {
    private final int block;
    private final int hash;
    private final Optional<Node> parent;
    private final Edge edge;
    private final Map<Edge, Node> children = new HashMap<>(2);
    private boolean idle;

    private Node(int block, int hash, Optional<Node> parent, Edge edge) {
      this.block = block;
      this.hash = hash;
      this.parent = parent;
      this.edge = edge;
    }

    int block() {
      return block;
    }

    /** Returns the hash of the path's tokens; equality is identity. */
    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }
  }

  /** The tokens of one block; comparable, so that hash collisions do not make lookups linear. */
  private static final class Edge implements Comparable<Edge> {
    private final int[] tokens;
    private final int hash;

    Edge(int[] tokens) {
      this.tokens = tokens;
      long mixed = 0x9E37_79B9_7F4A_7C15L;
      for (int token : tokens) {
        mixed = (mixed ^ token) * 0xBF58_476D_1CE4_E5B9L;
        mixed ^= mixed >>> 29;
      }
      this.hash = (int) (mixed ^ (mixed >>> 32));
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Edge edge && Arrays.equals(tokens, edge.tokens);
    }

    @Override
    public int compareTo(Edge other) {
      return Arrays.compare(tokens, other.tokens);
    }
  }

  Node root() {
    return root;
  }

  /**
   * Returns the child of {@code parent} for the tokens of the block that starts at {@code from}.
   */
  Optional<Node> child(Node parent, int[] tokens, int from) {
    return Optional.ofNullable(parent.children.get(edge(tokens, from)));
  }

  /** Adds a child to {@code parent}, which must be held; the new node is held as well. */
  Node add(Node parent, int[] tokens, int from, int block) {
    Edge edge = edge(tokens, from);
    Node node = new Node(block, 31 * parent.hash + edge.hash, Optional.of(parent), edge);
    parent.children.put(edge, node);
    nodes.put(node, node);
    return node;
  }

  private static Edge edge(int[] tokens, int from) {
    return new Edge(Arrays.copyOfRange(tokens, from, from + TOKENS));
  }

  /** Marks the node as idle: no table holds it any longer. */
  void release(Node node) {
    node.idle = true;
    idle++;
  }

  /** Marks the node as held, and counts a use. */
  void hold(Node node) {
    if (nodes.getIfPresent(node) == null) { // and Caffeine counts the use
      throw new IllegalStateException("block %d is not in the cache".formatted(node.block));
    }
    idle -= node.idle ? 1 : 0;
    node.idle = false;
  }

  /** Returns the number of idle blocks. */
  int idle() {
    return idle;
  }

  /** Evicts the idle block of least value and returns its id; there must be an idle block. */
  int evict() {
    Node node = policy.coldest(PrefixCache::firstIdle);
    while (!node.children.isEmpty()) {
      node = node.children.values().iterator().next();
    }
    nodes.invalidate(node);
    idle--;
    node.parent.orElseThrow().children.remove(node.edge);
    return node.block;
  }

  private static Node firstIdle(Stream<Policy.CacheEntry<Node, Node>> coldestFirst) {
    return coldestFirst
        .map(Policy.CacheEntry::getKey)
        .filter(node -> node.idle)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("every block of the cache is held"));
  }
}
