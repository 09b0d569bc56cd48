package io.calm.jinja;

import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The classification methods of Python's {@code str}, such as {@code isdigit}. */
final class StringClasses {
  /** Superscripts, subscripts, and digits in circles, parentheses and before full stops. */
  private static final String OTHER_DIGITS = otherDigits();

  private StringClasses() {}

  private static String otherDigits() {
    int[][] ranges = {
      {0xb2, 0xb3}, {0xb9, 0xb9}, {0x2070, 0x2070}, {0x2074, 0x2079}, {0x2080, 0x2089},
      {0x2460, 0x2468}, {0x2474, 0x247c}, {0x2488, 0x2490}, {0x24ea, 0x24ea}, {0x24f5, 0x24fd},
      {0x24ff, 0x24ff}, {0x2776, 0x277e}, {0x2780, 0x2788}, {0x278a, 0x2792}
    };
    StringBuilder digits = new StringBuilder();
    for (int[] range : ranges) {
      for (int c = range[0]; c <= range[1]; c++) {
        digits.appendCodePoint(c);
      }
    }
    return digits.toString();
  }

  static FunctionValue.@Nullable Body get(String name) {
    Predicate<String> test = predicate(name);
    return test == null
        ? null
        : (engine, arguments) -> {
          String text = arguments.bind(name, "self").text(0);
          engine.budget().work(text.length() / 8);
          return BoolValue.of(test.test(text));
        };
  }

  private static @Nullable Predicate<String> predicate(String name) {
    return switch (name) {
      case "isalpha" -> all(Character::isLetter);
      case "isalnum" -> all(c -> Character.isLetter(c) || isNumeric(c));
      case "isdecimal" -> all(Character::isDigit);
      case "isdigit" -> all(StringClasses::isDigit);
      case "isnumeric" -> all(StringClasses::isNumeric);
      case "isspace" -> all(PyText::isSpace);
      case "isascii" -> text -> text.chars().allMatch(c -> c < 0x80);
      case "isprintable" -> text -> text.codePoints().allMatch(PyText::isPrintable);
      case "isidentifier" -> StringClasses::isIdentifier;
      case "islower" -> StringClasses::isLower;
      case "isupper" -> StringClasses::isUpper;
      case "istitle" -> StringClasses::isTitle;
      default -> null;
    };
  }

  private static Predicate<String> all(IntPredicate test) {
    return text -> !text.isEmpty() && text.codePoints().allMatch(test);
  }

  /** Decimal digits, and digits in superscripts, subscripts and circles. */
  private static boolean isDigit(int c) {
    return Character.isDigit(c) || OTHER_DIGITS.indexOf(c) >= 0;
  }

  private static boolean isNumeric(int c) {
    int type = Character.getType(c);
    return type == Character.DECIMAL_DIGIT_NUMBER
        || type == Character.LETTER_NUMBER
        || type == Character.OTHER_NUMBER;
  }

  private static boolean isIdentifier(String text) {
    if (text.isEmpty()) {
      return false;
    }
    int first = text.codePointAt(0);
    return (first == '_' || Character.isUnicodeIdentifierStart(first))
        && text.codePoints().allMatch(c -> c == '_' || Character.isUnicodeIdentifierPart(c));
  }

  static boolean isLower(String text) {
    return text.codePoints().anyMatch(Character::isLowerCase)
        && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
  }

  static boolean isUpper(String text) {
    return text.codePoints().anyMatch(Character::isUpperCase)
        && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
  }

  private static boolean isTitle(String text) {
    boolean inWord = false;
    boolean any = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      boolean begins = Character.isUpperCase(c) || Character.isTitleCase(c);
      if ((begins && inWord) || (Character.isLowerCase(c) && !inWord)) {
        return false;
      }
      inWord = PyText.isCased(c);
      any |= inWord;
    }
    return any;
  }
}
