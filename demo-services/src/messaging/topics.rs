//! Which topics there are and which consumer groups receive them.

/// Commands of the order saga to inventory.
pub(crate) const INVENTORY_COMMANDS: &str = "inventory.commands";
/// Commands of the order saga to payment.
pub(crate) const PAYMENT_COMMANDS: &str = "payment.commands";
/// Commands of the order saga to shipping.
pub(crate) const SHIPPING_COMMANDS: &str = "shipping.commands";
/// Answers to all of these commands.
pub(crate) const ORDER_REPLIES: &str = "order.replies";
/// An order went through.
pub(crate) const ORDER_CONFIRMED: &str = "order.confirmed";
/// An order was turned down.
pub(crate) const ORDER_REJECTED: &str = "order.rejected";

/// Every topic with its groups. A message is kept for each of them until it is acknowledged there.
pub(crate) const TOPOLOGY: [(&str, &[&str]); 6] = [
    (INVENTORY_COMMANDS, &["inventory"]),
    (PAYMENT_COMMANDS, &["payment"]),
    (SHIPPING_COMMANDS, &["shipping"]),
    (ORDER_REPLIES, &["order"]),
    (ORDER_CONFIRMED, &["cart", "notification"]),
    (ORDER_REJECTED, &["notification"]),
];

/// Whether a topic fans out: its receivers start traces of their own, linked to the sender's.
pub(crate) fn is_event(topic: &str) -> bool {
    matches!(topic, ORDER_CONFIRMED | ORDER_REJECTED)
}
