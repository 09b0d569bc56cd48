package io.calm.settings;

import io.calm.files.UserHome;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.regex.Pattern;

/** Text to value; empty where the text is not allowed. */
final class ValueParsers {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*([-+][a-z0-9]+)*");

  private ValueParsers() {}

  static Function<String, Optional<Boolean>> flag() {
    return choice(Map.of("true", true, "false", false));
  }

  static <T> Function<String, Optional<T>> choice(Map<String, T> values) {
    return text -> Optional.ofNullable(values.get(text.toLowerCase(Locale.ROOT)));
  }

  static Function<String, Optional<Long>> wholeNumber(long least, long most) {
    return text -> {
      try {
        long value = Long.parseLong(text);
        return value >= least && value <= most ? Optional.of(value) : Optional.empty();
      } catch (NumberFormatException notANumber) {
        return Optional.empty();
      }
    };
  }

  static Function<String, Optional<Duration>> seconds(long least, long most) {
    return wholeNumber(least, most).andThen(value -> value.map(Duration::ofSeconds));
  }

  static Function<String, Optional<Optional<Duration>>> secondsOrOff(long least, long most) {
    return text -> {
      if (text.equalsIgnoreCase("off")) {
        return Optional.of(Optional.empty());
      }
      Optional<Duration> time = seconds(least, most).apply(text);
      return time.isPresent() ? Optional.of(time) : Optional.empty();
    };
  }

  static Function<String, Optional<Integer>> integer(int least, int most) {
    return wholeNumber(least, most).andThen(value -> value.map(Math::toIntExact));
  }

  static Function<String, Optional<OptionalInt>> integerOrAuto(int least, int most) {
    return orAuto(integer(least, most).andThen(v -> v.map(OptionalInt::of)), OptionalInt.empty());
  }

  static Function<String, Optional<OptionalLong>> wholeNumberOrAuto(long least, long most) {
    return orAuto(
        wholeNumber(least, most).andThen(v -> v.map(OptionalLong::of)), OptionalLong.empty());
  }

  static Function<String, Optional<Double>> decimal(double least, double most) {
    return text -> {
      try {
        double value = Double.parseDouble(text);
        return value >= least && value <= most ? Optional.of(value) : Optional.empty();
      } catch (NumberFormatException notANumber) {
        return Optional.empty();
      }
    };
  }

  /** A word of its own, or the name of an algorithm. */
  static Function<String, Optional<Optional<String>>> nameOr(String word) {
    return text -> {
      String name = text.toLowerCase(Locale.ROOT);
      if (name.equals(word)) {
        return Optional.of(Optional.empty());
      }
      return NAME.matcher(name).matches() ? Optional.of(Optional.of(name)) : Optional.empty();
    };
  }

  /** Names of algorithms, each once; {@code auto} is the empty list. */
  static Function<String, Optional<List<String>>> namesOrAuto() {
    return text -> {
      if (text.equalsIgnoreCase("auto")) {
        return Optional.of(List.of());
      }
      List<String> names =
          Arrays.stream(text.toLowerCase(Locale.ROOT).split(",", -1)).map(String::strip).toList();
      boolean good =
          names.stream().allMatch(NAME.asMatchPredicate())
              && names.stream().noneMatch("auto"::equals)
              && names.stream().distinct().count() == names.size();
      return good ? Optional.of(names) : Optional.empty();
    };
  }

  /** A word of its own, or a file; the word is empty. */
  static Function<String, Optional<Optional<Path>>> pathOr(String word) {
    return text -> {
      if (text.equals(word)) {
        return Optional.of(Optional.empty());
      }
      Optional<Path> file = path().apply(text);
      return file.isPresent() ? Optional.of(file) : Optional.empty();
    };
  }

  static Function<String, Optional<Path>> path() {
    return text -> {
      try {
        return text.isEmpty() ? Optional.empty() : Optional.of(Path.of(home(text)));
      } catch (InvalidPathException bad) {
        return Optional.empty();
      }
    };
  }

  /** Returns the text with a leading {@code ~} replaced by the user's home, if there is one. */
  static String home(String text) {
    return text.equals("~") || text.startsWith("~/")
        ? UserHome.find().map(home -> home + text.substring(1)).orElse(text)
        : text;
  }

  private static <T> Function<String, Optional<T>> orAuto(
      Function<String, Optional<T>> parser, T auto) {
    return text -> text.equalsIgnoreCase("auto") ? Optional.of(auto) : parser.apply(text);
  }
}
