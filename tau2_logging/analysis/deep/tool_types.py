"""Which of tau2's built-in tools write, as tau2 itself says. Results files and text logs do not, and the reason of a failure turns on it.

Of other domains, and of tools that are not in the table, nothing is said.
"""

from __future__ import annotations

WRITE, READ, GENERIC = "write", "read", "generic"

_TELECOM = {
    WRITE: "suspend_line resume_line send_payment_request enable_roaming disable_roaming refuel_data "
    "set_network_mode_preference toggle_airplane_mode reseat_sim_card toggle_data toggle_roaming toggle_data_saver_mode set_apn_settings "
    "reset_apn_settings toggle_wifi toggle_wifi_calling connect_vpn disconnect_vpn grant_app_permission reboot_device make_payment",
    READ: "get_customer_by_phone get_customer_by_id get_customer_by_name get_details_by_id get_bills_for_customer get_data_usage "
    "check_status_bar check_network_status check_network_mode_preference run_speed_test check_sim_status check_data_restriction_status "
    "check_apn_settings check_wifi_status check_wifi_calling_status check_vpn_status check_installed_apps check_app_status "
    "check_app_permissions can_send_mms check_payment_request",
    GENERIC: "transfer_to_human_agents",
}
_TABLE = {
    "airline": {
        WRITE: "book_reservation cancel_reservation send_certificate update_reservation_baggages update_reservation_flights "
        "update_reservation_passengers",
        READ: "get_reservation_details get_user_details list_all_airports search_direct_flight search_onestop_flight get_flight_status",
        GENERIC: "calculate transfer_to_human_agents",
    },
    "retail": {
        WRITE: "cancel_pending_order exchange_delivered_order_items modify_pending_order_address modify_pending_order_items "
        "modify_pending_order_payment modify_user_address return_delivered_order_items",
        READ: "find_user_id_by_name_zip find_user_id_by_email get_order_details get_product_details get_item_details get_user_details "
        "list_all_product_types",
        GENERIC: "calculate transfer_to_human_agents",
    },
    "telecom": _TELECOM,
    "telecom-workflow": _TELECOM,
    "mock": {WRITE: "create_task update_task_status", READ: "get_users", GENERIC: "transfer_to_human_agents"},
}

BUILT_IN = {
    domain: {name: kind for kind, names in kinds.items() for name in names.split()} for domain, kinds in _TABLE.items()
}  # fmt: skip
"""By domain and tool: write, read or generic."""


def built_in_type(domain: object, tool: object) -> str | None:
    """What a tool of a built-in domain does; None for others. Arms (`retail@anger`) and enhanced domains have their domain's tools."""
    plain = str(domain).partition("@")[0].removesuffix("_enhanced")
    return BUILT_IN.get(plain, {}).get(str(tool))
