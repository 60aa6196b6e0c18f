//! keywright
