package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The accounting of blocks against lists of prefixes. A prefix is written as a string with one
 * letter a block.
 */
class BlockManagerTest {
  private static final int TOKENS = Decoder.BLOCK_TOKENS;

  static LongStream seeds() {
    return LongStream.concat(LongStream.range(0, 100), LongStream.of(Seeds.of(20_261_127L)));
  }

  /** Returns the tokens of blocks, and a few after them. */
  private static int[] tokens(String blocks, int more) {
    int[] tokens = new int[blocks.length() * TOKENS + more];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = i / TOKENS < blocks.length() ? blocks.charAt(i / TOKENS) : '?';
    }
    return tokens;
  }

  /** A table in use, what it is meant to hold, and how many tokens a step has stored. */
  private static final class User {
    final BlockTable table = new BlockTable();
    final String blocks;
    final int[] tokens;
    int stored;

    User(String blocks, int more) {
      this.blocks = blocks;
      this.tokens = tokens(blocks, more);
    }
  }

  /** The real thing beside the naive one. */
  private static final class Model {
    final int size;
    final BlockManager manager;
    final List<User> users = new ArrayList<>();

    /** What the full blocks that are known hold, by id. */
    final Map<Integer, String> known = new HashMap<>();

    /** Those that are free and have no memory. */
    final Set<Integer> barren = new HashSet<>();

    long changes = -1;
    Object before = "";

    Model(int size) {
      this.size = size;
      this.manager = new BlockManager(size);
    }

    void open(User user) {
      String shared = known(user);
      long idle =
          known.entrySet().stream()
              .filter(
                  entry -> shared.startsWith(entry.getValue()) && !held().contains(entry.getKey()))
              .count();
      long changes = manager.changes();
      assertEquals(
          new BlockManager.Prefix(shared.length(), (int) idle),
          manager.prefix(user.tokens, user.tokens.length));
      assertEquals(changes, manager.changes(), "looking changes nothing");
      users.add(user);
      share(user);
    }

    /** Takes what has become known since the user stored or shared the last time. */
    void share(User user) {
      int known = known(user).length() * TOKENS;
      assertEquals(known, manager.share(user.table, user.tokens, user.tokens.length));
      user.stored = Math.max(user.stored, known);
      assertEquals(Decoder.blocksFor(user.stored), user.table.size());
    }

    private String known(User user) {
      String expected = "";
      for (int i = 1; i * TOKENS < user.tokens.length; i++) {
        String prefix = user.blocks.substring(0, Math.min(i, user.blocks.length()));
        if (prefix.length() == i && known.containsValue(prefix)) {
          expected = prefix;
        } else {
          break;
        }
      }
      return expected;
    }

    boolean store(User user, int count, boolean fails) {
      int end = Math.min(user.tokens.length, user.stored + count);
      int before = user.table.size();
      int missing = Decoder.blocksFor(end) - before;
      boolean all = held().size() == before;
      boolean enough = missing <= (all ? size - before : manager.available());
      assertEquals(all && missing > manager.available(), manager.exceedsMemory(user.table, end));
      assertEquals(enough, manager.reserve(user.table, end));
      if (!enough) {
        assertEquals(before, user.table.size(), "nothing is taken");
        return false;
      }
      for (int i = before; i < user.table.size(); i++) {
        taken(user, user.table.id(i));
      }
      if (barren.removeAll(held())) {
        assertEquals(0, manager.available(), "those with memory first");
      }
      if (fails) {
        manager.release(user.table, user.stored);
        assertEquals(Decoder.blocksFor(user.stored), user.table.size());
        return true;
      }
      user.stored = end;
      publish(user);
      return true;
    }

    /** A block that was known and is given to another is worth less than what builds on it. */
    private void taken(User by, int id) {
      for (User user : users) {
        for (int i = 0; user != by && i < user.table.size(); i++) {
          assertTrue(user.table.id(i) != id, "a block that another holds");
        }
      }
      String prefix = known.remove(id);
      if (prefix != null) {
        assertFalse(
            known.values().stream().anyMatch(other -> other.startsWith(prefix)),
            "a leaf goes before what it builds on");
      }
    }

    private void publish(User user) {
      manager.publish(user.table, user.tokens, user.stored);
      for (int i = 0; (i + 1) * TOKENS <= user.stored && i < user.blocks.length(); i++) {
        String prefix = user.blocks.substring(0, i + 1);
        if (known.containsValue(prefix)) {
          assertEquals(prefix, known.get(user.table.id(i)), "one block for one prefix");
        } else {
          known.put(user.table.id(i), prefix);
        }
      }
    }

    void close(User user) {
      manager.release(user.table);
      users.remove(user);
      assertEquals(0, user.table.size());
    }

    /** Some of the free blocks have no memory, all others have. */
    void withoutMemory(SplittableRandom random) {
      barren.clear();
      for (int id = 0; id < size; id++) {
        if (random.nextBoolean() && !held().contains(id) && !known.containsKey(id)) {
          barren.add(id);
        }
      }
      manager.withoutMemory(barren);
    }

    Set<Integer> held() {
      return held(users);
    }

    private static Set<Integer> held(List<User> users) {
      Set<Integer> held = new HashSet<>();
      for (User user : users) {
        for (int i = 0; i < user.table.size(); i++) {
          held.add(user.table.id(i));
        }
      }
      return held;
    }

    void check() {
      Set<Integer> held = held();
      for (User user : users) {
        for (int i = 0; i < user.table.size(); i++) {
          if ((i + 1) * TOKENS <= user.stored && i < user.blocks.length()) {
            assertEquals(user.blocks.substring(0, i + 1), known.get(user.table.id(i)));
          }
        }
      }
      Set<Integer> idle = new HashSet<>(known.keySet());
      idle.removeAll(held);
      assertEquals(held.size(), manager.used());
      assertEquals(idle.size(), manager.cached());
      assertEquals(size - held.size() - barren.size(), manager.available());
      List<User> some = users.subList(0, users.size() / 2);
      Set<Integer> theirs = held(some);
      theirs.removeAll(held(users.subList(some.size(), users.size())));
      List<BlockTable> tables = some.stream().map(user -> user.table).toList();
      assertEquals(theirs.size(), manager.heldOnlyBy(tables));
      List<Object> state = List.of(held, idle, Map.copyOf(known), Set.copyOf(barren));
      if (manager.changes() == changes) {
        assertEquals(before, state, "changes that are not told");
      }
      changes = manager.changes();
      before = state;
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void theAccountsAreThoseOfTheNaiveOne(long seed) {
    Seeds.given(seed);
    SplittableRandom random = new SplittableRandom(seed);
    Model model = new Model(1 + random.nextInt(24));
    for (int step = 0; step < 400; step++) {
      int action = random.nextInt(10);
      if (model.users.isEmpty() || action < 2) {
        StringBuilder blocks = new StringBuilder();
        for (int i = random.nextInt(6); i > 0; i--) {
          blocks.append((char) ('a' + random.nextInt(2)));
        }
        model.open(new User(blocks.toString(), 1 + random.nextInt(TOKENS - 1)));
      } else {
        User user = model.users.get(random.nextInt(model.users.size()));
        if (action < 8) {
          if (random.nextBoolean()) {
            model.share(user);
          }
          boolean stored =
              model.store(user, 1 + random.nextInt(3 * TOKENS), random.nextInt(9) == 0);
          if (!stored) {
            model.close(user);
          }
        } else {
          model.close(user);
        }
      }
      if (random.nextInt(20) == 0) {
        model.withoutMemory(random);
      }
      if (random.nextInt(20) == 0) {
        model.manager.retryMemory();
        model.barren.clear();
      }
      model.check();
    }
    List.copyOf(model.users).forEach(model::close);
    model.check();
    assertEquals(0, model.manager.used());
    assertEquals(model.size - model.barren.size(), model.manager.available());
  }

  @Test
  void whatIsUsedOftenStaysLongest() {
    Model model = new Model(8);
    for (String some : List.of("ab", "cd", "ab", "ab", "ab")) {
      run(model, some);
    }
    for (char once = 'e'; once <= 'z'; once++) {
      run(model, String.valueOf(once));
    }
    User again = new User("ab", 1);
    model.open(again);
    assertEquals(2 * TOKENS, again.stored);
  }

  private static void run(Model model, String blocks) {
    User user = new User(blocks, 1);
    model.open(user);
    assertTrue(model.store(user, 9 * TOKENS, false));
    model.close(user);
    model.check();
  }

  @Test
  void theSameCallsGiveTheSameBlocks() {
    List<int[]> first = tables();
    List<int[]> second = tables();
    for (int i = 0; i < first.size(); i++) {
      assertTrue(Arrays.equals(first.get(i), second.get(i)), "table " + i);
    }
  }

  private static List<int[]> tables() {
    List<int[]> tables = new ArrayList<>();
    BlockManager manager = new BlockManager(7);
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 200; i++) {
      String blocks = Integer.toString(random.nextInt(8), 2);
      BlockTable table = new BlockTable();
      int[] tokens = tokens(blocks, 1);
      manager.share(table, tokens, tokens.length);
      assertTrue(manager.reserve(table, tokens.length));
      manager.publish(table, tokens, tokens.length);
      tables.add(table.first(table.size()));
      manager.release(table);
    }
    return tables;
  }
}
