package io.calm.host;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The host in an authority {@code host[:port]}, as in a {@code Host} header or an origin. No name
 * is resolved.
 *
 * @param name the host in lower case, without brackets, port and trailing dot
 * @param address the address if the name is an IP address
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

  /** Returns the authority of a host name or address without a port. */
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

  /** Returns whether the name always refers to the client's own machine. */
  boolean isLoopback() {
    return address
        .map(InetAddress::isLoopbackAddress)
        .orElseGet(() -> name.equals("localhost") || name.endsWith(".localhost"));
  }

  /** Returns whether both have the same address or, if there is none, the same name. */
  boolean isSameHost(Authority other) {
    return address.isPresent() ? address.equals(other.address) : name.equals(other.name);
  }
}
