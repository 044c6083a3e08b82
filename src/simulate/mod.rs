//! The rules over all customers, before they are switched on.
