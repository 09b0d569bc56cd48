package io.calm.jinja;

import java.time.ZonedDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.time.temporal.IsoFields;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Python's {@code datetime.strftime} for a local time without a zone, in the C locale, with glibc's
 * directives and flags.
 */
final class Strftime {
  private static final String FLAGS = "-_0^#";
  private static final int MAX_WIDTH = 1000;

  private final Budget budget;
  private final String format;
  private final ZonedDateTime time;
  private final StringBuilder out = new StringBuilder();
  private int at;

  private Strftime(Budget budget, String format, ZonedDateTime time) {
    this.budget = budget;
    this.format = format;
    this.time = time;
  }

  /** Formats a time; copies unknown directives. */
  static String format(Budget budget, String format, ZonedDateTime time) {
    budget.scan(format.length());
    Strftime strftime = new Strftime(budget, format, time);
    while (strftime.at < format.length()) {
      char c = format.charAt(strftime.at++);
      if (c == '%') {
        strftime.directive();
      } else {
        strftime.out.append(c);
      }
    }
    return strftime.out.toString();
  }

  private void directive() {
    budget.work(1);
    budget.grow(out);
    int start = at;
    char flag = 0;
    boolean upper = false;
    while (at < format.length() && FLAGS.indexOf(format.charAt(at)) >= 0) {
      char c = format.charAt(at++);
      upper |= c == '^' || c == '#';
      flag = c == '^' || c == '#' ? flag : c;
    }
    int width = 0;
    while (at < format.length() && format.charAt(at) >= '0' && format.charAt(at) <= '9') {
      width = Math.min(MAX_WIDTH, width * 10 + format.charAt(at++) - '0');
    }
    if (at + 1 < format.length() && isModified(format.charAt(at), format.charAt(at + 1))) {
      at++;
    }
    if (at >= format.length()) {
      out.append('%').append(format, start, format.length());
      return;
    }
    char letter = format.charAt(at++);
    String text = text(letter, flag, width);
    if (text == null) {
      out.append('%').append(format, start, at);
      return;
    }
    out.append(" ".repeat(Math.max(0, width - text.length())));
    out.append(upper ? PyText.upper(text) : text);
  }

  /** Returns whether a letter may follow a modifier; modifiers have no effect in the C locale. */
  private static boolean isModified(char modifier, char letter) {
    String letters = modifier == 'E' ? "cCxXyYus" : modifier == 'O' ? "bBhdeHIklmMSgGjUVWwuys" : "";
    return letters.indexOf(letter) >= 0;
  }

  private @Nullable String text(char letter, char flag, int width) {
    return switch (letter) {
      case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'b', 'h' -> time.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'c' -> format(budget, "%a %b %e %H:%M:%S %Y", time);
      case 'D', 'x' -> format(budget, "%m/%d/%y", time);
      case 'F' -> format(budget, "%Y-%m-%d", time);
      case 'T', 'X' -> format(budget, "%H:%M:%S", time);
      case 'R' -> format(budget, "%H:%M", time);
      case 'r' -> format(budget, "%I:%M:%S %p", time);
      case 'p' -> time.getHour() < 12 ? "AM" : "PM";
      case 'P' -> time.getHour() < 12 ? "am" : "pm";
      case 'n' -> "\n";
      case 't' -> "\t";
      case '%' -> "%";
      case 'z', 'Z' -> "";
      case 'f' -> number(time.getNano() / 1000, 6, '0', (char) 0, 0);
      case 'd' -> number(time.getDayOfMonth(), 2, '0', flag, width);
      case 'e' -> number(time.getDayOfMonth(), 2, ' ', flag, width);
      case 'm' -> number(time.getMonthValue(), 2, '0', flag, width);
      case 'j' -> number(time.getDayOfYear(), 3, '0', flag, width);
      default -> year(letter, flag, width);
    };
  }

  private @Nullable String year(char letter, char flag, int width) {
    return switch (letter) {
      case 'C' -> number(time.getYear() / 100, 2, '0', flag, width);
      case 'g' -> number(time.get(IsoFields.WEEK_BASED_YEAR) % 100, 2, '0', flag, width);
      case 'G' -> number(time.get(IsoFields.WEEK_BASED_YEAR), 1, '0', flag, width);
      case 'y' -> number(time.getYear() % 100, 2, '0', flag, width);
      case 'Y' -> number(time.getYear(), 1, '0', flag, width);
      case 'V' -> number(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2, '0', flag, width);
      case 'U' -> number(week(time.getDayOfWeek().getValue() % 7), 2, '0', flag, width);
      case 'W' -> number(week(time.getDayOfWeek().getValue() - 1), 2, '0', flag, width);
      case 'u' -> number(time.getDayOfWeek().getValue(), 1, '0', flag, width);
      case 'w' -> number(time.getDayOfWeek().getValue() % 7, 1, '0', flag, width);
      default -> clock(letter, flag, width);
    };
  }

  private @Nullable String clock(char letter, char flag, int width) {
    int hour = time.get(ChronoField.CLOCK_HOUR_OF_AMPM);
    return switch (letter) {
      case 'H' -> number(time.getHour(), 2, '0', flag, width);
      case 'I' -> number(hour, 2, '0', flag, width);
      case 'k' -> number(time.getHour(), 2, ' ', flag, width);
      case 'l' -> number(hour, 2, ' ', flag, width);
      case 'M' -> number(time.getMinute(), 2, '0', flag, width);
      case 'S' -> number(time.getSecond(), 2, '0', flag, width);
      case 's' -> number(time.truncatedTo(ChronoUnit.SECONDS).toEpochSecond(), 1, '0', flag, width);
      default -> null;
    };
  }

  /** Returns the week of the year; weeks start on {@code day}. */
  private int week(int day) {
    return (time.getDayOfYear() + 6 - day) / 7;
  }

  private static String number(long value, int digits, char padding, char flag, int width) {
    String text = Long.toString(value);
    if (flag == '-') {
      return text;
    }
    char fill = flag == '_' ? ' ' : flag == '0' ? '0' : padding;
    return Character.toString(fill).repeat(Math.max(0, Math.max(digits, width) - text.length()))
        + text;
  }
}
