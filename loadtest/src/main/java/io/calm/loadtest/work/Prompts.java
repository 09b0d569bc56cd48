package io.calm.loadtest.work;

import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Prompts of random common words, so that two of one length hardly begin alike. */
final class Prompts {
  private static final List<String> WORDS =
      List.of(
          """
          the package manager reads its configuration from a file in your home directory and writes
          what it has changed to the log every process that waits for input can be stopped by signal
          most users never see this message because network connection is closed before server sends
          an answer when you build program sources first install compiler then run tests on machine
          with enough memory small boat left harbour early morning wind came south old captain knew
          where fish were children asked who had written letter nobody could remember name of town
          water boils at lower temperature high mountains light travels faster than sound we measure
          both difference tells how far away storm is good question has more one possible reply
          """
              .strip()
              .split("\\s+", -1));

  private Prompts() {}

  static String draw(int words, RandomGenerator random) {
    return Stream.generate(() -> WORDS.get(random.nextInt(WORDS.size())))
        .limit(words)
        .collect(Collectors.joining(" "));
  }
}
