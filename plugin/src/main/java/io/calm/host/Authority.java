package io.calm.host;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The host of {@code host[:port]}, as in a {@code Host} header or an origin. Nothing is looked up.
 *
 * @param name in lower case, without brackets, port and a dot at the end
 * @param address of a name that is an IP address itself
 */
record Authority(String name, Optional<InetAddress> address) {
  private static final Pattern SHAPE =
      Pattern.compile("(?:\\[([0-9A-Fa-f:.]{2,45})]|([A-Za-z0-9._-]{1,255}))(?::[0-9]{0,5})?");

  /** Parses an authority; empty if it is malformed. */
  static Optional<Authority> parse(String text) {
    Matcher matcher = SHAPE.matcher(text);
    if (!matcher.matches()) {
      return Optional.empty();
    }
    boolean bracketed = matcher.group(1) != null;
    String name = (bracketed ? matcher.group(1) : matcher.group(2)).toLowerCase(Locale.ROOT);
    if (bracketed && !NetUtil.isValidIpV6Address(name)) {
      return Optional.empty();
    }
    return Optional.of(of(name));
  }

  /** Returns the authority of a host's name or address without a port. */
  static Authority of(String host) {
    String name = host.toLowerCase(Locale.ROOT);
    if (name.startsWith("[") && name.endsWith("]")) {
      name = name.substring(1, name.length() - 1);
    }
    if (name.endsWith(".")) {
      name = name.substring(0, name.length() - 1);
    }
    boolean literal = NetUtil.isValidIpV4Address(name) || NetUtil.isValidIpV6Address(name);
    return new Authority(
        name,
        literal
            ? Optional.ofNullable(NetUtil.createInetAddressFromIpAddressString(name))
            : Optional.empty());
  }

  /** Returns whether the name always means the client's own machine. */
  boolean isLoopback() {
    return address
        .map(InetAddress::isLoopbackAddress)
        .orElseGet(() -> name.equals("localhost") || name.endsWith(".localhost"));
  }

  /** Returns whether both are the same address, or the same name. */
  boolean isSameHost(Authority other) {
    return address.isPresent() ? address.equals(other.address) : name.equals(other.name);
  }
}
